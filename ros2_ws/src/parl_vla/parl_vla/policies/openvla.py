# SPDX-License-Identifier: Apache-2.0
"""OpenVLA as a policy: it sees a camera, reads the instruction and writes an action as tokens."""

from collections.abc import Iterable, Iterator, Mapping
import dataclasses
from dataclasses import dataclass

import torch
from torch import nn

from parl_files.config_file import ConfigError
from parl_policy.compute.device import default_generator
from parl_policy.compute.rows_graph import RowsGraph
from parl_policy.doctor.finding import Finding
from parl_policy.episode.action_space import ACTION_DIM, GRIPPER
from parl_policy.observations import Observations, States
from parl_policy.policy import ActionSpec, weigh_targets
from parl_vla.adapters.adapted_model import check_adapted, hash_tensor, KEY
from parl_vla.adapters.lora import adapters, inject_adapters, set_adapters
from parl_vla.openvla.action_code import ActionCode
from parl_vla.openvla.action_text import (
    ActionRules,
    draw,
    packed_log_probabilities,
    Prefix,
)
from parl_vla.openvla.base import Base, load_base
from parl_vla.openvla.examination import (
    merge_finding,
    precision_finding,
    Reading,
    token_finding,
)
from parl_vla.openvla.network import ADAPTED
from parl_vla.policies.openvla_config import OpenVLAPolicyConfig

MEMORY_BYTES = 64 << 20
"""Keys and values of the states that are sampled together on a CPU."""
GPU_SHARE = 0.25
"""The same on a GPU, as a share of the memory that is free."""
EXAMINED = 16
"""Actions that are drawn when it is examined."""


@dataclass(frozen=True, eq=False)
class PromptedPictures:
    """What `encode` keeps of B states.

    Attributes:
        features: (B, P, F) of the frozen towers.
        ids: (B, T) of the prompts.
        lengths: (B,) of the prompts.
    """

    features: torch.Tensor
    ids: torch.Tensor
    lengths: torch.Tensor

    def __len__(self) -> int:
        """Return the number of states B."""
        return len(self.features)

    def __getitem__(self, rows: slice) -> 'PromptedPictures':
        """Return some of the states."""
        return PromptedPictures(self.features[rows], self.ids[rows], self.lengths[rows])


class OpenVLAPolicy:
    """Implements `parl_policy.policy.Policy`; only the adapters of its decoder learn."""

    def __init__(
        self, observation_dim: int, action_spec: ActionSpec, config: OpenVLAPolicyConfig
    ) -> None:
        """Adapt the checkpoint with adapters that change nothing yet.

        Raises:
            ParlError: The checkpoint cannot be used, or lacks the statistics of `unnorm_key`.
            ConfigError: The actions are not those of a gripper that moves, turns and closes.
        """
        del observation_dim  # it sees pictures alone
        if action_spec.dim != ACTION_DIM or action_spec.binary != (GRIPPER,):
            raise ConfigError(
                f'OpenVLA writes {ACTION_DIM} numbers, the last one a gripper; the actions here '
                f'are {action_spec}'
            )
        self.config = config
        self.base: Base = load_base(config.folder, config.kind)
        self.network = self.base.adapted(lambda net: inject_adapters(net, config.lora, ADAPTED))
        statistics = self.base.statistics(config.unnorm_key, ACTION_DIM)
        self.code = ActionCode(statistics, action_spec.horizon)
        self.action_spec = dataclasses.replace(action_spec, still=self.code.still)
        self.rules = ActionRules(
            self.base.action_ids, self.code.possible, config.temperature, config.top_k
        )
        # The distribution that is drawn is the one that learns: taught at another temperature, a
        # policy would sharpen on its own samples. Beyond top_k a loss would be infinite.
        self.learning_rules = dataclasses.replace(self.rules, top_k=None)
        self._graphs: dict[tuple[int, int], RowsGraph] = {}

    def fit_normalisation(self, observations: torch.Tensor) -> None:
        """Do nothing: the checkpoint holds its normalisation."""

    def encode(self, observations: States) -> PromptedPictures:
        """Let the frozen towers see the pictures, and write the prompts."""
        assert isinstance(observations, Observations)
        (camera,) = self.config.pictures
        ids, lengths = self.base.prompt.ids(observations.instructions)
        device = torch.get_default_device()
        features = self.base.see(observations.pictures[camera])
        return PromptedPictures(features, ids.to(device), lengths.to(device))

    def sample(
        self, context: PromptedPictures, count: int, generator: torch.Generator
    ) -> torch.Tensor:
        """Draw actions (B, k, D) in [-1, 1], with one reading of each prompt."""
        shape = (len(context), count, self.action_spec.flat_dim)
        bins, _ = self.draw(context, torch.rand(shape, generator=generator))
        return self.actions(bins)

    def draw(
        self, context: PromptedPictures, uniform: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw the tokens of actions; a state depends on its own numbers alone.

        Args:
            context: Of B states.
            uniform: (B, k, D) in [0, 1).

        Returns:
            Bins (B, k, D) and the log-probability (B, k) of each action.
        """
        if len(context) == 1 and context.features.device.type == 'cuda':
            return self._replay(context, uniform)
        at_once = self.states_at_once(uniform.shape[1], context.ids.shape[1])
        parts = [
            draw(
                self.network.language_model,
                self._prefix(context[first : first + at_once]),
                self.rules,
                uniform[first : first + at_once],
            )
            for first in range(0, len(context), at_once)
        ]
        bins, log_probs = zip(*parts, strict=True)
        return torch.cat(bins), torch.cat(log_probs)

    def _replay(
        self, context: PromptedPictures, uniform: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw for one state by a graph: eager, starting the kernels takes longer than they do.

        There is one for each length of a prompt and each k. What cannot be recorded raises.
        """
        shape = (context.ids.shape[1], uniform.shape[1])
        if shape not in self._graphs:
            self._graphs[shape] = RowsGraph(self._draw_one, rows=1)
        bins, log_probs = self._graphs[shape](
            default_generator(), context.features, context.ids, context.lengths, uniform
        )
        return bins, log_probs

    @torch.no_grad()
    def _draw_one(
        self,
        _: torch.Generator,
        features: torch.Tensor,
        ids: torch.Tensor,
        lengths: torch.Tensor,
        uniform: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        prefix = self._prefix(PromptedPictures(features, ids, lengths))
        return draw(self.network.language_model, prefix, self.rules, uniform)

    def loss(
        self,
        context: PromptedPictures,
        targets: torch.Tensor,
        weights: torch.Tensor | None,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Return the cross-entropy (B,) of the targets' tokens, summed over the action.

        The m targets are read behind one prefix; the generator is not used.
        """
        targets = self.action_spec.snap(targets)
        log_probs = packed_log_probabilities(
            self.network.language_model,
            self._prefix(context),
            self.learning_rules,
            self.code.bins(targets),
        )
        labels = self.code.labels(targets, self.config.label_width)
        crossed = -(labels * log_probs.masked_fill(~self.rules.possible, 0.0)).sum((-1, -2))
        return weigh_targets(crossed, weights)

    def tokens(self, actions: torch.Tensor) -> torch.Tensor:
        """Return the tokens (…, D) of actions (…, D), as bins."""
        return self.code.bins(actions)

    def actions(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the actions (…, D) that tokens (…, D) stand for."""
        return self.action_spec.snap(self.code.actions(tokens))

    def trainable_parameters(self) -> Iterable[nn.Parameter]:
        """Return the adapters."""
        return adapters(self.network).values()

    def after_update(self) -> None:
        """Do nothing: there is no moving average."""

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the adapters, and the hash of what they adapt."""
        return {
            KEY: hash_tensor(self.base.sha256),
            **{k: v.detach() for k, v in adapters(self.network).items()},
        }

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Load what `state_dict` returned.

        Raises:
            KeyError: An adapter or the hash is missing.
            RuntimeError: They adapt another checkpoint, or have another rank.
        """
        check_adapted(state, self.base.sha256, self.base.folder)
        set_adapters(self.network, {k: v for k, v in state.items() if k != KEY})

    @torch.no_grad()
    def examine(self, context: PromptedPictures) -> Iterator[Finding]:
        """Examine tokens, types and adapters on one encoded state, for `parl-doctor`."""
        reading = Reading(self.network, self._prefix(context), self.rules)
        uniform = torch.rand(1, EXAMINED, self.action_spec.flat_dim)
        yield token_finding(reading, uniform)
        yield precision_finding(self.network, self.config.kind)
        bins, _ = draw(self.network.language_model, reading.prefix, self.rules, uniform)
        yield merge_finding(reading, bins)

    def states_at_once(self, count: int, prompt: int = 32) -> int:
        """Return how many states fit in memory when `count` actions are drawn of each."""
        config = self.network.config
        slots = config.towers[0].patches + prompt + count * (self.action_spec.flat_dim - 1)
        weight = next(self.network.parameters())
        llama = config.llama
        one = slots * 2 * llama.num_hidden_layers * llama.key_value_heads * llama.head_width
        room = MEMORY_BYTES
        if weight.device.type == 'cuda':
            room = int(GPU_SHARE * torch.cuda.mem_get_info(weight.device)[0])
        return max(1, room // (one * weight.element_size()))

    def _prefix(self, context: PromptedPictures) -> Prefix:
        embeddings = self.network.read(context.features, context.ids)
        return Prefix(embeddings, context.lengths + context.features.shape[1])
