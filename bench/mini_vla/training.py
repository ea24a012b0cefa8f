# SPDX-License-Identifier: Apache-2.0
"""Trains the mini model: it imitates, and learns on the way where things are.

OpenVLA's towers come pre-trained on a great many pictures. These are small and know nothing, so
they are taught where the things are: which patch each is in and where in it, and the places in
space from the decoder's last state of the prompt. Nothing of that stays in the checkpoint.
"""

from collections.abc import Callable
import math
import time

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, smooth_l1_loss

from mini_vla.demonstrations import Demonstrations
from mini_vla.recipe import PhaseConfig, TrainingConfig
from parl_policy.networks.picture_augmentation import (
    augmented,
    draw_augmentation,
)
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


class MiniTraining:
    """A phase of the training, with heads that are thrown away afterwards."""

    def __init__(
        self,
        network: OpenVLANetwork,
        files: CheckpointFiles,
        data: Demonstrations,
        instructions: list[str],
        code: ActionCode,
        config: TrainingConfig,
        phase: PhaseConfig,
    ) -> None:
        """Keep what is trained, and what with."""
        self.network, self.config, self._data = network, config, data
        self._phase = phase
        self._preprocessor, self._code = Preprocessor(files.preprocessor), code
        self._ids, lengths = Prompt(files.tokenizer).ids(instructions)
        self._lengths = lengths + network.config.towers[0].patches
        vocabulary = network.config.llama.vocab_size - files.config['pad_to_multiple_of']
        self._rules = ActionRules(action_ids(vocabulary), code.possible)
        things = data.keypoints.shape[1]
        self._seen = nn.Linear(network.config.features, 3 * things)
        self._placed = nn.Linear(network.config.llama.hidden_size, 3 * things)
        self._parameters = [
            *network.parameters(),
            *self._seen.parameters(),
            *self._placed.parameters(),
        ]
        self._optimiser = torch.optim.AdamW(
            self._parameters,
            lr=phase.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self._middle = data.positions[~data.validation].mean(0)
        self._generator = torch.Generator().manual_seed(0)

    def run(self, say: Callable[[str], None]) -> None:
        """Do all updates, and say now and then how it goes and when it will be done."""
        learned = np.flatnonzero(~self._data.validation)
        began, losses = time.time(), []
        for step in range(self._phase.steps):
            chosen = torch.randint(
                len(learned), (self.config.batch_size,), generator=self._generator
            )
            losses.append(self.update(step, learned[chosen.numpy()]))
            if (step + 1) % 200 == 0:
                left_s = (time.time() - began) * (self._phase.steps / (step + 1) - 1.0)
                mean = np.mean(losses[-200:], axis=0)
                say(
                    f'step {step + 1} of {self._phase.steps}: loss of actions {mean[0]:.2f}, '
                    f'keypoints {mean[1]:.2f}, places {mean[2]:.2f}; {left_s / 60:.0f} min left'
                )

    def update(self, step: int, rows: np.ndarray) -> tuple[float, float, float]:
        """Do one update on some rows of the data; return its losses."""
        share = min(1.0, (step + 1) / WARM_UP)
        share *= 0.5 * (1.0 + math.cos(math.pi * step / self._phase.steps))
        self._optimiser.param_groups[0]['lr'] = self._phase.learning_rate * share
        changes = draw_augmentation(len(rows), self.config.augmentation, self._generator)
        pictures = augmented(torch.as_tensor(self._data.pictures[rows]), changes)
        size = torch.tensor([pictures.shape[2], pictures.shape[1]])
        moved = torch.zeros(len(rows), 2) if changes.shifts is None else changes.shifts.flip(1)
        shares = torch.as_tensor(self._data.keypoints[rows]) + (moved / size).unsqueeze(1)
        losses = self._losses(pictures, rows, shares)
        weights = (1.0, self._phase.keypoint_weight, self._phase.place_weight)
        total = sum(weight * loss for weight, loss in zip(weights, losses, strict=True))
        self._optimiser.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimiser.step()
        return losses[0].item(), losses[1].item(), losses[2].item()

    def _targets(self, rows: np.ndarray) -> torch.Tensor:
        """Return what is taught at some rows, (B, 1, 7)."""
        actions = torch.as_tensor(self._data.actions[rows]).unsqueeze(1)
        noise = torch.randn(len(rows), 1, 3, generator=self._generator)
        noisy = (actions[..., :3] + self._phase.action_noise * noise).clamp(-1.0, 1.0)
        return torch.cat([noisy, actions[..., 3:]], dim=-1)

    def _losses(
        self, pictures: torch.Tensor, rows: np.ndarray, shares: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        features = self.network.see(self._preprocessor(pictures))
        words = torch.as_tensor(self._data.instruction[rows])
        embeddings = self.network.read(features, self._ids[words])
        prefix = Prefix(embeddings, self._lengths[words])
        targets = self._targets(rows)
        llama, rules = self.network.language_model, self._rules
        hidden = packed_states(llama, prefix, rules.ids, self._code.bins(targets))
        log_probs = rules.log_probabilities(llama.logits(hidden, rules.ids), slice(None))
        labels = self._code.labels(targets, self.config.label_width)
        crossed = -(labels * log_probs.masked_fill(~rules.possible, 0.0)).sum((-1, -2))
        places = torch.as_tensor(self._data.positions[rows] - self._middle).flatten(1)
        placed = smooth_l1_loss(self._placed(hidden[:, 0, 0]), places.float() / SCALE_M)
        return crossed.mean(), keypoint_loss(self._seen(features), shares), placed


def keypoint_loss(found: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Return the loss () of places in a picture: of the patch, and of the place in that patch.

    Args:
        found: (B, P, 3 · K) score, and column and row in the patch, of K things.
        shares: (B, K, 2) column and row, as shares of the picture; outside counts as at the edge.
    """
    rows, patches, _ = found.shape
    side = math.isqrt(patches)
    scores, inside = found.unflatten(2, (-1, 3)).split([1, 2], dim=3)  # (B, P, K, 1 and 2)
    at = shares.clamp(0.0, 1.0 - 1e-6) * side
    patch = at.floor().long()
    index = patch[..., 1] * side + patch[..., 0]  # (B, K)
    crossed = cross_entropy(scores.squeeze(3).transpose(1, 2).flatten(0, 1), index.flatten())
    there = inside.gather(1, index.view(rows, 1, -1, 1).expand(-1, -1, -1, 2)).squeeze(1)
    return crossed + smooth_l1_loss(there, at - patch)
