# SPDX-License-Identifier: Apache-2.0
"""Autoregressive policy: a transformer that says an action as a sentence of tokens."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from parl_policy.networks.resnet_encoder import ImageConfig, observation_encoder
from parl_policy.networks.token_transformer import Cache, repeat_cache, TokenTransformer
from parl_policy.policies.action_tokens import ActionTokens
from parl_policy.policy import ActionSpec, weigh_targets


@dataclass(frozen=True, kw_only=True)
class AutoregressivePolicyConfig:
    """Defaults are the paper's; it does not state the dropout."""

    bins: int = 128
    """Tokens of each number of the action."""
    layers: int = 4
    """Transformer blocks."""
    hidden: int = 256
    """Width of the transformer."""
    heads: int = 8
    """Attention heads."""
    dropout: float = 0.1
    """In training only."""
    image: ImageConfig | None = None
    """Where observations hold an image."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.layers < 1 or self.heads < 1 or self.hidden < 1 or self.hidden % self.heads:
            raise ValueError(f'heads must divide hidden, layers be at least 1: {self}')
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f'dropout must lie in [0, 1): {self.dropout}')


class AutoregressivePolicy(nn.Module):
    """Implements `parl_policy.policy.Policy`; the numbers of a flat action are said in order.

    A binary entry only ever takes the first or the last token, so its softmax is over two.
    """

    SAMPLES_AT_ONCE = 2048
    """Bounds the key-value cache: at the paper's size 16 MiB for each number of the action."""

    impossible: torch.Tensor

    def __init__(
        self, observation_dim: int, action_spec: ActionSpec, config: AutoregressivePolicyConfig
    ) -> None:
        """Make an untrained policy."""
        super().__init__()
        self.action_spec = action_spec
        self.config = config
        self.tokens = ActionTokens(config.bins)
        self.normaliser = observation_encoder(observation_dim, config.image)
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
        """Take mean and spread of (N, O)."""
        self.normaliser.fit(observations)

    def encode(self, observations: torch.Tensor) -> torch.Tensor:
        """States (B, S), normalised or encoded; `sample` and `loss` read them once for k or m."""
        return self.normaliser(observations)

    @torch.no_grad()
    def sample(
        self, context: torch.Tensor, count: int, generator: torch.Generator
    ) -> torch.Tensor:
        """Draw token after token, each with randomness of its own, and take the bins' centres.

        Returns:
            (B, k, D) in [-1, 1].
        """
        shape = (len(context), count, self.action_spec.flat_dim)
        uniform = torch.rand(shape, generator=generator)
        states = max(1, self.SAMPLES_AT_ONCE // count)
        parts = zip(context.split(states), uniform.split(states), strict=True)
        tokens = torch.cat([self._say(*part) for part in parts])
        return self.action_spec.snap(self.tokens.decode(tokens))

    def loss(
        self,
        context: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor | None,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Cross-entropy of the targets' tokens, summed over the action's numbers: -log p.

        Its only randomness is dropout; the generator is not used.

        Returns:
            (B,).
        """
        tokens = self.tokens.encode(self.action_spec.snap(targets))  # (B, m, D)
        dropout = self.config.dropout if self.training else 0.0
        logits, cache = self._begin(context, tokens.shape[1], dropout)
        if self.action_spec.flat_dim > 1:
            others, _ = self.network.extend(tokens.flatten(0, 1)[:, :-1], cache, dropout)
            logits = torch.cat([logits, others], 1)
        logits = logits.view(*tokens.shape, -1).masked_fill(self.impossible, -torch.inf)
        chosen = logits.log_softmax(-1).gather(-1, tokens.unsqueeze(-1))
        return weigh_targets(-chosen.squeeze(-1).sum(-1), weights)

    def trainable_parameters(self) -> Iterable[nn.Parameter]:
        """All weights."""
        return self.parameters()

    def after_update(self) -> None:
        """Nothing to do."""

    def _begin(
        self, context: torch.Tensor, count: int, dropout: float
    ) -> tuple[torch.Tensor, Cache]:
        """Read each state once for `count` actions: (B · count, 1, bins), cache."""
        logits, cache = self.network.begin(context, dropout)
        return logits.repeat_interleave(count, 0), repeat_cache(cache, count)

    def _say(self, context: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """Tokens (B, k, D) by inverting each conditional distribution at `uniform` (B, k, D)."""
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
            # Rounding can leave the last sum below the draw.
            tokens.append(token.clamp_max(self.config.bins - 1))
        return torch.cat(tokens, 1).unflatten(0, (-1, count))
