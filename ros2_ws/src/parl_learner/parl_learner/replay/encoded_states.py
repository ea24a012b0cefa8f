# SPDX-License-Identifier: Apache-2.0
"""The states of a replay as a frozen encoder encodes them, each once."""

import torch

from parl_learner.replay.observation_table import ObservationTable
from parl_policy.networks.observation_encoder import ObservationEncoder

ROWS_AT_ONCE = 64
"""Rows that are encoded together: always as many, or the last bits of a row would depend on when
it came, and a run that was interrupted would end with other weights."""


class EncodedStates:
    """Features (M, S) of the rows of an `ObservationTable`, made when they are asked for."""

    def __init__(self, encoder: ObservationEncoder) -> None:
        """Start empty; the encoder must not change any more."""
        self._encoder = encoder
        self._features = torch.empty(0, encoder.features)

    @torch.no_grad()
    def of(self, table: ObservationTable) -> torch.Tensor:
        """Return the features (M, S) of all rows of a table that only grows."""
        if len(self._features) < len(table):
            # What is left of the last block is made again, so that blocks begin at the same rows.
            begun = len(self._features) - len(self._features) % ROWS_AT_ONCE
            blocks = [self._features[:begun]]
            for first in range(begun, len(table), ROWS_AT_ONCE):
                rows = torch.arange(first, first + ROWS_AT_ONCE)
                features = self._encoder(table[rows.clamp(max=len(table) - 1)])
                blocks.append(features[: len(table) - first])
            self._features = torch.cat(blocks)
        return self._features
