# SPDX-License-Identifier: Apache-2.0
"""Llama's decoder (arXiv 2307.09288), with the key names of released checkpoints.

It is our own, since the keys and values of a prefix must be stored once for many suffixes, and
since that of `transformers` renames its cache from release to release; it is the tests' oracle.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import silu

from parl_vla.openvla.attention import attention


@dataclass(frozen=True, kw_only=True)
class LlamaConfig:
    """Shape of a decoder; names as in config.json, defaults as in `transformers`."""

    vocab_size: int = 32000
    hidden_size: int = 4096
    intermediate_size: int = 11008
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    num_key_value_heads: int | None = None
    """Heads of keys and values; None: as many as of queries."""
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0

    @property
    def key_value_heads(self) -> int:
        """Heads of keys and values."""
        return self.num_key_value_heads or self.num_attention_heads

    @property
    def head_width(self) -> int:
        """Width of a head."""
        return self.hidden_size // self.num_attention_heads


class Memory:
    """Keys and values of what a decoder has read, in slots that are reserved at once.

    All shapes are known beforehand, so that a GPU can record the reading as a graph.
    """

    def __init__(self, config: LlamaConfig, rows: int, slots: int, like: torch.Tensor) -> None:
        """Reserve slots for so many texts; type and device are those of `like`."""
        shape = (config.num_hidden_layers, 2, rows, config.key_value_heads, slots)
        self._buffer = like.new_empty(*shape, config.head_width)
        self._filled = 0

    def add(
        self, layer: int, keys: torch.Tensor, values: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keep what a layer made of new tokens (B, heads, T, width); return all that it has."""
        first, last = self._filled, self._filled + keys.shape[2]
        buffer = self._buffer[layer]
        buffer[0, :, :, first:last] = keys
        buffer[1, :, :, first:last] = values
        if layer + 1 == len(self._buffer):
            self._filled = last
        return buffer[0, :, :, :last], buffer[1, :, :, :last]


class Llama(nn.Module):
    """Decoder with its head; the rows of `lm_head` are the logits of the tokens."""

    def __init__(self, config: LlamaConfig) -> None:
        """Make a decoder with weights that are not set."""
        super().__init__()
        self.config = config
        self.model = _Decoder(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the embeddings (…, W) of token ids (…)."""
        embedded: torch.Tensor = self.model.embed_tokens(ids)
        return embedded

    def forward(
        self,
        inputs: torch.Tensor,
        positions: torch.Tensor,
        mask: torch.Tensor,
        memory: Memory | None = None,
    ) -> torch.Tensor:
        """Run the blocks; return the hidden states (B, T, W) after the final norm.

        Args:
            inputs: (B, T, W) embeddings.
            positions: (B, T) place of each in its text, from 0.
            mask: (B or 1, 1, T, S) bool: what each may look at of the memory and of the inputs.
            memory: What was read before; the inputs are added to it.
        """
        turns = rotations(positions, self.config)
        x = inputs
        for layer in self.model.layers:
            x = layer(x, turns, mask, memory)
        normed: torch.Tensor = self.model.norm(x)
        return normed

    def logits(self, hidden: torch.Tensor, ids: slice) -> torch.Tensor:
        """Return the logits (…, n) in float32 of n tokens after hidden states (…, W)."""
        return nn.functional.linear(hidden, self.lm_head.weight[ids]).float()


def rotations(positions: torch.Tensor, config: LlamaConfig) -> tuple[torch.Tensor, torch.Tensor]:
    """Return cosines and sines (B, 1, T, width of a head) of rotary embeddings, in float32."""
    width = config.head_width
    powers = torch.arange(0, width, 2, device=positions.device).float() / width
    angles = positions.float().unsqueeze(-1) * config.rope_theta**-powers
    angles = torch.cat([angles, angles], dim=-1).unsqueeze(1)
    return angles.cos(), angles.sin()


class _Decoder(nn.Module):
    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(
            _Layer(config, index) for index in range(config.num_hidden_layers)
        )
        self.norm = _RootMeanSquareNorm(config.hidden_size, config.rms_norm_eps)


class _Layer(nn.Module):
    def __init__(self, config: LlamaConfig, index: int) -> None:
        super().__init__()
        self.self_attn = _Attention(config, index)
        self.mlp = _Perceptron(config)
        self.input_layernorm = _RootMeanSquareNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = _RootMeanSquareNorm(
            config.hidden_size, config.rms_norm_eps
        )

    def forward(
        self,
        x: torch.Tensor,
        turns: tuple[torch.Tensor, torch.Tensor],
        mask: torch.Tensor,
        memory: Memory | None,
    ) -> torch.Tensor:
        x = x + self.self_attn(self.input_layernorm(x), turns, mask, memory)
        return x + self.mlp(self.post_attention_layernorm(x))


class _Attention(nn.Module):
    def __init__(self, config: LlamaConfig, index: int) -> None:
        super().__init__()
        width, head = config.hidden_size, config.head_width
        self.index, self.head = index, head
        self.q_proj = nn.Linear(width, config.num_attention_heads * head, bias=False)
        self.k_proj = nn.Linear(width, config.key_value_heads * head, bias=False)
        self.v_proj = nn.Linear(width, config.key_value_heads * head, bias=False)
        self.o_proj = nn.Linear(config.num_attention_heads * head, width, bias=False)

    def forward(
        self,
        x: torch.Tensor,
        turns: tuple[torch.Tensor, torch.Tensor],
        mask: torch.Tensor,
        memory: Memory | None,
    ) -> torch.Tensor:
        query, key, value = (
            projection(x).unflatten(-1, (-1, self.head)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        query, key = _turned(query, turns), _turned(key, turns)
        if memory is not None:
            key, value = memory.add(self.index, key, value)
        attended = attention(query, key, value, mask)
        return self.o_proj(attended.transpose(1, 2).flatten(2))


def _turned(x: torch.Tensor, turns: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    first, second = x.chunk(2, dim=-1)
    cosines, sines = (each.to(x.dtype) for each in turns)
    return x * cosines + torch.cat([-second, first], dim=-1) * sines


class _Perceptron(nn.Module):
    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        width, hidden = config.hidden_size, config.intermediate_size
        self.gate_proj = nn.Linear(width, hidden, bias=False)
        self.up_proj = nn.Linear(width, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down_proj(silu(self.gate_proj(x)) * self.up_proj(x))


class _RootMeanSquareNorm(nn.Module):
    """Llama's norm; the mean is computed in float32, as released."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        exact = x.float()
        exact = exact * torch.rsqrt(exact.square().mean(-1, keepdim=True) + self.epsilon)
        return self.weight * exact.to(x.dtype)
