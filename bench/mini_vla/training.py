# SPDX-License-Identifier: Apache-2.0
"""Trains the mini model: first to see where things are, then to imitate.

OpenVLA's towers come pre-trained on a great many pictures. These are small and know nothing, so
they learn first where the things are: which patch each is in, where in it, and its place in space.
Nothing of that stays in the checkpoint.
"""

from collections.abc import Callable, Iterable
import math
import time

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, smooth_l1_loss

from mini_vla.demonstrations import Demonstrations
from mini_vla.recipe import PhaseConfig, TrainingConfig
from parl_vla.openvla.action_bins import action_ids
from parl_vla.openvla.action_code import ActionCode
from parl_vla.openvla.action_text import ActionRules, packed_states, Prefix
from parl_vla.openvla.checkpoint import CheckpointFiles
from parl_vla.openvla.network import OpenVLANetwork
from parl_vla.openvla.pixels import Preprocessor
from parl_vla.openvla.prompt import Prompt

SCALE_M = 0.02
"""Error of a place up to which its loss is quadratic [m]."""
WARM_UP = 100
"""Updates in which the learning rate rises; then it falls to 0 as a cosine."""
WEIGHT_DECAY = 0.01
LARGEST_GRADIENT = 1.0
HELD_OUT = 128
"""Held-out steps that the losses are measured at on the way."""


class MiniTraining:
    """What is trained, and the heads that are thrown away afterwards."""

    def __init__(
        self,
        network: OpenVLANetwork,
        files: CheckpointFiles,
        data: Demonstrations,
        instructions: list[str],
        code: ActionCode,
        config: TrainingConfig,
    ) -> None:
        """Keep what is trained, and what with."""
        self.network, self.config, self._data = network, config, data
        self._preprocessor, self._code = Preprocessor(files.preprocessor), code
        self._ids, lengths = Prompt(files.tokenizer).ids(instructions)
        self._lengths = lengths + network.config.towers[0].patches
        vocabulary = network.config.llama.vocab_size - files.config['pad_to_multiple_of']
        self._rules = ActionRules(action_ids(vocabulary), code.possible)
        things = data.keypoints.shape[1]
        self._seen = nn.Linear(network.config.features, 6 * things)
        self._read = nn.Linear(network.config.llama.hidden_size, 3 * things)
        self._generator = torch.Generator()
        self._middle = data.positions[~data.validation].mean(0)

    def run(self, say: Callable[[str], None]) -> None:
        """Learn to see, then to act; say now and then how it goes and when it will be done."""
        towers = self.network.vision_backbone
        self._phase('sees', self.config.see, self.seeing, [towers, self._seen], say)
        towers.requires_grad_(False)
        decoder = [self.network.projector, self.network.language_model, self._read]
        self._phase('acts', self.config.act, self.acting, decoder, say)
        towers.requires_grad_(True)

    def _phase(
        self,
        name: str,
        config: PhaseConfig,
        losses_of: Callable[[np.ndarray], torch.Tensor],
        taught: Iterable[nn.Module],
        say: Callable[[str], None],
    ) -> None:
        self._generator.manual_seed(0)
        parameters = [each for module in taught for each in module.parameters()]
        optimiser = torch.optim.AdamW(parameters, lr=0.0, weight_decay=WEIGHT_DECAY, fused=True)
        learned = np.flatnonzero(~self._data.validation)
        held_out = np.flatnonzero(self._data.validation)
        held_out = held_out[:: max(1, len(held_out) // HELD_OUT)]
        began, recent = time.time(), []
        for step in range(config.steps):
            share = min(1.0, (step + 1) / WARM_UP)
            share *= 0.5 * (1.0 + math.cos(math.pi * step / config.steps))
            optimiser.param_groups[0]['lr'] = config.learning_rate * share
            drawn = torch.randint(len(learned), (config.batch_size,), generator=self._generator)
            losses = losses_of(learned[drawn.numpy()])
            optimiser.zero_grad(set_to_none=True)
            losses.sum().backward()
            nn.utils.clip_grad_norm_(parameters, LARGEST_GRADIENT)
            optimiser.step()
            recent.append(losses.detach().numpy())
            if (step + 1) % 200 == 0:
                left_s = (time.time() - began) * (config.steps / (step + 1) - 1.0)
                with torch.no_grad():
                    measured = losses_of(held_out).numpy()
                say(
                    f'{name}, {step + 1} of {config.steps}: losses '
                    f'{_text(np.mean(recent[-200:], axis=0))}, held out {_text(measured)}; '
                    f'{left_s / 60:.0f} min left'
                )

    def seeing(self, rows: np.ndarray) -> torch.Tensor:
        """Return the losses of keypoints and places at some rows of the data, (2,)."""
        with torch.autocast('cpu', torch.bfloat16):
            found = self._seen(self._features(rows))
        found = found.float().unflatten(2, (-1, 6))  # (B, P, K, 6)
        shares = torch.as_tensor(self._data.keypoints[rows])
        where = found[..., 0].softmax(dim=1).unsqueeze(-1)
        placed = self._place_loss((where * found[..., 3:]).sum(1), rows)
        return torch.stack([keypoint_loss(found[..., :3], shares), placed])

    def acting(self, rows: np.ndarray) -> torch.Tensor:
        """Return the losses of places, as the decoder reads them, and of actions, (2,)."""
        words = torch.as_tensor(self._data.instruction[rows])
        targets = self._targets(rows)
        llama, rules = self.network.language_model, self._rules
        with torch.autocast('cpu', torch.bfloat16):
            embeddings = self.network.read(self._features(rows), self._ids[words])
            prefix = Prefix(embeddings, self._lengths[words])
            hidden = packed_states(llama, prefix, rules.ids, self._code.bins(targets))
            logits = llama.logits(hidden, rules.ids).float()
            placed = self._read(hidden[:, 0, 0]).float()
        log_probs = rules.log_probabilities(logits, slice(None))
        labels = self._code.labels(targets, self.config.label_width)
        crossed = -(labels * log_probs.masked_fill(~rules.possible, 0.0)).sum((-1, -2))
        placed_loss = self._place_loss(placed.unflatten(1, (-1, 3)), rows)
        return torch.stack([placed_loss, crossed.mean()])

    def _features(self, rows: np.ndarray) -> torch.Tensor:
        pictures = self._preprocessor(torch.as_tensor(self._data.pictures[rows]))
        features: torch.Tensor = self.network.see(pictures)
        return features

    def _place_loss(self, found: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
        places = torch.as_tensor(self._data.positions[rows] - self._middle).float()
        return smooth_l1_loss(found, places / SCALE_M)

    def _targets(self, rows: np.ndarray) -> torch.Tensor:
        """Return what is taught at some rows, (B, 1, 7)."""
        actions = torch.as_tensor(self._data.actions[rows]).unsqueeze(1)
        noise = torch.randn(len(rows), 1, 3, generator=self._generator)
        noisy = (actions[..., :3] + self.config.action_noise * noise).clamp(-1.0, 1.0)
        return torch.cat([noisy, actions[..., 3:]], dim=-1)


def _text(losses: np.ndarray) -> str:
    return ' '.join(f'{loss:.2f}' for loss in losses)


def keypoint_loss(found: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Return the loss () of places in a picture: of the patch, and of the place in that patch.

    Args:
        found: (B, P, K, 3) score, and column and row in the patch, of K things.
        shares: (B, K, 2) column and row, as shares of the picture; outside counts as at the edge.
    """
    rows, patches, things, _ = found.shape
    side = math.isqrt(patches)
    at = shares.clamp(0.0, 1.0 - 1e-6) * side
    patch = at.floor().long()
    index = patch[..., 1] * side + patch[..., 0]  # (B, K)
    crossed = cross_entropy(found[..., 0].transpose(1, 2).flatten(0, 1), index.flatten())
    inside = found[..., 1:].gather(1, index.view(rows, 1, things, 1).expand(-1, -1, -1, 2))
    return crossed + smooth_l1_loss(inside.squeeze(1), at - patch)
