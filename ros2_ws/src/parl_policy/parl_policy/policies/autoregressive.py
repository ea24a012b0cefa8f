# SPDX-License-Identifier: Apache-2.0
"""Autoregressive policy: a transformer that writes an action as a sequence of tokens."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from parl_policy.networks.observation_encoder import observation_encoder, SightedConfig
from parl_policy.networks.token_transformer import Cache, repeat_cache, TokenTransformer
from parl_policy.observations import States
from parl_policy.policies.action_tokens import ActionTokens
from parl_policy.policy import ActionSpec, weigh_targets


@dataclass(frozen=True, kw_only=True)
class AutoregressivePolicyConfig(SightedConfig):
    """Settings; the defaults are the paper's, which does not state the dropout."""

    bins: int = 128
    """Number of different tokens for each number of the action."""
    layers: int = 4
    """Number of transformer blocks."""
    hidden: int = 256
    """Width of the transformer."""
    heads: int = 8
    """Number of attention heads."""
    dropout: float = 0.1
    """Dropout rate in training."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.layers < 1 or self.heads < 1 or self.hidden < 1 or self.hidden % self.heads:
            raise ValueError(f'heads must divide hidden, and layers must be at least 1: {self}')
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f'dropout must lie in [0, 1): {self.dropout}')


class AutoregressivePolicy(nn.Module):
    """Implements `parl_policy.policy.TokenPolicy`; it writes a flat action's numbers in order.

    A binary entry takes only the first or the last token, so its softmax is over two tokens.
    """

    SAMPLES_AT_ONCE = 2048
    """Limit of the key-value cache: at the paper's size 16 MiB for each number of the action."""

    impossible: torch.Tensor

    def __init__(
        self, observation_dim: int, action_spec: ActionSpec, config: AutoregressivePolicyConfig
    ) -> None:
        """Make an untrained policy."""
        super().__init__()
        self.action_spec = action_spec
        self.config = config
        self._bins = ActionTokens(config.bins)
        self.normaliser = observation_encoder(observation_dim, config.vision)
        self.network = TokenTransformer(
            self.normaliser.features,
            action_spec.flat_dim,
            config.bins,
            config.layers,
            config.hidden,
            config.heads,
        )
        impossible = action_spec.is_binary().unsqueeze(1).repeat(1, config.bins)  # (D, bins)
        impossible[:, [0, -1]] = False
        self.register_buffer('impossible', impossible, persistent=False)

    def fit_normalisation(self, observations: torch.Tensor) -> None:
        """Set the normaliser to mean and standard deviation of (N, O)."""
        self.normaliser.fit(observations)

    def encode(self, observations: States) -> torch.Tensor:
        """Return states (B, S), normalised or encoded, for `sample` and `loss`."""
        return self.normaliser(observations)

    @torch.no_grad()
    def sample(
        self, context: torch.Tensor, count: int, generator: torch.Generator
    ) -> torch.Tensor:
        """Draw one token after the other and return the centres of their bins.

        Returns:
            (B, k, D) in [-1, 1].
        """
        shape = (len(context), count, self.action_spec.flat_dim)
        uniform = torch.rand(shape, generator=generator)
        states = max(1, self.SAMPLES_AT_ONCE // count)
        parts = zip(context.split(states), uniform.split(states), strict=True)
        tokens = torch.cat([self._say(*part) for part in parts])
        return self.action_spec.snap(self._bins.decode(tokens))

    def loss(
        self,
        context: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor | None,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Return the cross-entropy of the targets' tokens, summed over the action: -log p.

        The only randomness is dropout; the generator is not used.

        Returns:
            (B,).
        """
        tokens = self.tokens(targets)  # (B, m, D)
        dropout = self.config.dropout if self.training else 0.0
        logits, cache = self._begin(context, tokens.shape[1], dropout)
        if self.action_spec.flat_dim > 1:
            others, _ = self.network.extend(tokens.flatten(0, 1)[:, :-1], cache, dropout)
            logits = torch.cat([logits, others], 1)
        logits = logits.view(*tokens.shape, -1).masked_fill(self.impossible, -torch.inf)
        chosen = logits.log_softmax(-1).gather(-1, tokens.unsqueeze(-1))
        return weigh_targets(-chosen.squeeze(-1).sum(-1), weights)

    def tokens(self, actions: torch.Tensor) -> torch.Tensor:
        """Return the tokens (…, D) of actions (…, D)."""
        return self._bins.encode(self.action_spec.snap(actions))

    def trainable_parameters(self) -> Iterable[nn.Parameter]:
        """Return all weights."""
        return self.parameters()

    def after_update(self) -> None:
        """Do nothing: there is no moving average."""

    def _begin(
        self, context: torch.Tensor, count: int, dropout: float
    ) -> tuple[torch.Tensor, Cache]:
        """Read each state once for `count` actions: logits (B · count, 1, bins), and the cache."""
        logits, cache = self.network.begin(context, dropout)
        return logits.repeat_interleave(count, 0), repeat_cache(cache, count)

    def _say(self, context: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """Draw tokens (B, k, D) by inverting each conditional distribution at `uniform`."""
        count = uniform.shape[1]
        logits, cache = self._begin(context, count, dropout=0.0)
        draws = uniform.flatten(0, 1).T.contiguous().unsqueeze(-1)  # (D, B · k, 1)
        tokens: list[torch.Tensor] = []
        for i in range(self.action_spec.flat_dim):
            if tokens:
                logits, cache = self.network.extend(tokens[-1], cache, dropout=0.0)
            possible = logits[:, 0].masked_fill(self.impossible[i], -torch.inf)
            cumulative = possible.softmax(-1).cumsum(-1)
            token = torch.searchsorted(cumulative, draws[i], right=True)
            # By rounding, the last cumulative sum can be less than the draw.
            tokens.append(token.clamp_max(self.config.bins - 1))
        return torch.cat(tokens, 1).unflatten(0, (-1, count))
