# SPDX-License-Identifier: Apache-2.0
"""Causal transformer from an observation to action tokens, with a key-value cache."""

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import nn
from torch.nn.functional import dropout as drop
from torch.nn.functional import gelu, scaled_dot_product_attention

from parl_policy.networks.ln_resnet import LAYER_NORM_EPSILON

Cache: TypeAlias = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of each layer, (R, heads, L, width / heads), for L positions of R sequences."""


def repeat_cache(cache: Cache, count: int) -> Cache:
    """Repeat each sequence `count` times in a row, so that samples share their state's cache."""
    return [
        (keys.repeat_interleave(count, 0), values.repeat_interleave(count, 0))
        for keys, values in cache
    ]


class TransformerBlock(nn.Module):
    """x + attention(LayerNorm(x)), then x + MLP(LayerNorm(x)), four times as wide inside."""

    def __init__(self, width: int, heads: int) -> None:
        """Make a block."""
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width, eps=LAYER_NORM_EPSILON)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=LAYER_NORM_EPSILON)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)

    def forward(
        self,
        x: torch.Tensor,
        past: tuple[torch.Tensor, torch.Tensor] | None,
        dropout: float,
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """Attend from new positions (R, L, width) to past ones and, causally, to each other.

        Returns:
            (R, L, width), and keys and values of all positions so far.
        """
        split = self.queries_keys_values(self.attention_norm(x)).unflatten(-1, (3, self.heads, -1))
        queries, keys, values = split.permute(2, 0, 3, 1, 4)  # 3 × (R, heads, L, width / heads)
        if past is not None:
            keys, values = torch.cat([past[0], keys], 2), torch.cat([past[1], values], 2)
        new, known = queries.shape[2], keys.shape[2]
        mask = None
        if new > 1:
            mask = torch.ones(new, known, dtype=torch.bool).tril(known - new)
        attended = scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        attended = attended.transpose(1, 2).flatten(2)
        x = x + drop(self.attention_out(attended), dropout)
        x = x + drop(self.contract(gelu(self.expand(self.norm(x)))), dropout)
        return x, (keys, values)


class TokenTransformer(nn.Module):
    """Position 0 reads the observation; position j reads token j and predicts token j + 1.

    Dropout is an argument and not a mode; sampling passes 0.
    """

    def __init__(
        self, observation_dim: int, tokens: int, bins: int, layers: int, width: int, heads: int
    ) -> None:
        """Make an untrained network for sequences of `tokens` tokens out of `bins`."""
        super().__init__()
        self.observation_in = nn.Linear(observation_dim, width)
        self.token_in = nn.Embedding(bins, width)
        self.positions = nn.Parameter(torch.randn(tokens, width) * 0.02)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width, eps=LAYER_NORM_EPSILON)
        self.out = nn.Linear(width, bins)
        nn.init.normal_(self.token_in.weight, std=0.02)

    def begin(self, observations: torch.Tensor, dropout: float) -> tuple[torch.Tensor, Cache]:
        """Read the state: (B, O) -> logits of the first token (B, 1, bins), and the cache."""
        x = self.observation_in(observations).unsqueeze(1)
        return self._run(x, [None] * len(self.blocks), 0, dropout)

    def extend(
        self, tokens: torch.Tensor, cache: Cache, dropout: float
    ) -> tuple[torch.Tensor, Cache]:
        """Read L tokens (R, L) -> logits of the following ones (R, L, bins), and the cache."""
        return self._run(self.token_in(tokens), cache, cache[0][0].shape[2], dropout)

    def _run(
        self,
        x: torch.Tensor,
        cache: Sequence[tuple[torch.Tensor, torch.Tensor] | None],
        position: int,
        dropout: float,
    ) -> tuple[torch.Tensor, Cache]:
        x = drop(x + self.positions[position : position + x.shape[1]], dropout)
        extended = []
        for block, past in zip(self.blocks, cache, strict=True):
            x, known = block(x, past, dropout)
            extended.append(known)
        return self.out(self.norm(x)), extended
