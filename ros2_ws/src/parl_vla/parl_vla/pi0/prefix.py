# SPDX-License-Identifier: Apache-2.0
"""What π0's vision-language model makes of states: read once, for all actions of a state."""

from dataclasses import dataclass
from typing import Any

import torch

STATES_AT_ONCE = 16
"""States that are read together, so that many do not fill the memory."""


@dataclass(frozen=True, eq=False)
class Prefix:
    """Keys and values of B states, which the action expert looks at.

    Attributes:
        keys: (B, h, T, d) of each layer.
        values: Likewise.
        counts: (B, T), 1 for each token and 0 for filling.
    """

    keys: tuple[torch.Tensor, ...]
    values: tuple[torch.Tensor, ...]
    counts: torch.Tensor

    def __len__(self) -> int:
        """Return the number of states B."""
        return len(self.counts)

    def __getitem__(self, rows: slice) -> 'Prefix':
        """Return some of the states."""
        return Prefix(
            tuple(each[rows] for each in self.keys),
            tuple(each[rows] for each in self.values),
            self.counts[rows],
        )

    @property
    def state_bytes(self) -> int:
        """Memory of one state [bytes]."""
        return sum(each[:1].nbytes for each in (*self.keys, *self.values))

    def cache(self, count: int) -> Any:  # noqa: ANN401
        """Return a cache of transformers in which each state comes `count` times."""
        from transformers import DynamicCache

        cache = DynamicCache()
        for layer, (keys, values) in enumerate(zip(self.keys, self.values, strict=True)):
            cache.update(
                keys.repeat_interleave(count, 0), values.repeat_interleave(count, 0), layer
            )
        return cache


@torch.no_grad()
def read(
    network: Any,  # noqa: ANN401
    ids: torch.Tensor,
    counts: torch.Tensor,
    pictures: torch.Tensor,
) -> Prefix:
    """Read prompts and pictures as `PI0ForConditionalGeneration.sample_actions` does.

    Args:
        network: A `PI0ForConditionalGeneration`.
        ids: (B, T) of the prompts.
        counts: (B, T), 1 for each token and 0 for filling.
        pictures: (B, C, 3, s, s) of C cameras.
    """
    parts = []
    for first in range(0, len(ids), STATES_AT_ONCE):
        rows = slice(first, first + STATES_AT_ONCE)
        seen = torch.ones(pictures[rows].shape[:2], dtype=torch.bool)
        embeddings = network.model.embed_prefix(ids[rows], pictures[rows], seen)
        cache = network.model.vlm(
            inputs_embeds=embeddings,
            attention_mask=counts[rows],
            position_ids=counts[rows].cumsum(-1) - 1,
            token_type_ids=torch.zeros_like(ids[rows]),
            use_cache=True,
        ).cache
        parts.append([(layer.keys, layer.values) for layer in cache.layers])
    layers = [
        [torch.cat(each) for each in zip(*layer, strict=True)]
        for layer in zip(*parts, strict=True)
    ]
    keys, values = zip(*layers, strict=True)
    return Prefix(keys, values, counts)
