# SPDX-License-Identifier: Apache-2.0
"""OpenVLA's actions: one of 256 token ids for each number, between a dataset's quantiles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from parl_files.error import ParlError

BINS = 256
"""Ids of actions; they are the last ones before the padding of the vocabulary."""
_EDGES = np.linspace(-1.0, 1.0, BINS)  # torch.linspace differs in the last bit
_CENTRES = (_EDGES[:-1] + _EDGES[1:]) / 2.0
BIN_WIDTH = float(_CENTRES[1] - _CENTRES[0])


class ActionStatisticsError(ParlError):
    """The statistics of a dataset are missing, or wrong; the message names the key."""


def bins_of(normalised: torch.Tensor) -> torch.Tensor:
    """Return the bins 0…255 of numbers in [-1, 1], counted from the lowest id: +1 is bin 0.

    The id is `ids.start` plus the bin. OpenVLA counts its ids down from the end of the vocabulary:
    id = size - np.digitize(number, edges).
    """
    digits = np.digitize(normalised.cpu().numpy().clip(-1.0, 1.0), _EDGES)
    return torch.as_tensor(BINS - digits, device=normalised.device)


def centres() -> torch.Tensor:
    """Return the number (256,) that each bin stands for; bins 0 and 1 stand for the same."""
    downwards = np.clip(BINS - np.arange(BINS) - 1, 0, len(_CENTRES) - 1)
    return torch.as_tensor(_CENTRES[downwards], dtype=torch.float32)


def action_ids(vocabulary: int) -> slice:
    """Return the ids of actions in a vocabulary of that size, without its padding."""
    return slice(vocabulary - BINS, vocabulary)


@dataclass(frozen=True)
class ActionStatistics:
    """Range of each number of an action in a dataset, and which are kept as they are.

    Attributes:
        low: (A,) first per cent of the data, in metres, radians and opening.
        high: (A,) last per cent.
        scaled: (A,) whether the number is scaled from that range to [-1, 1].
    """

    low: np.ndarray
    high: np.ndarray
    scaled: np.ndarray

    def normalise(self, actions: np.ndarray) -> np.ndarray:
        """Return actions (…, A) in [-1, 1]; a number without a range becomes 0."""
        spread = self.high - self.low
        inside = 2.0 * (actions - self.low) / (spread + 1e-8) - 1.0
        inside = np.where(spread > 0.0, np.clip(inside, -1.0, 1.0), 0.0)
        return np.where(self.scaled, inside, actions)

    def restore(self, normalised: np.ndarray) -> np.ndarray:
        """Return what numbers (…, A) in [-1, 1] stand for."""
        inside = 0.5 * (normalised + 1.0) * (self.high - self.low) + self.low
        return np.where(self.scaled, inside, normalised)


def action_statistics(stored: Mapping[str, Any], key: str, size: int) -> ActionStatistics:
    """Read the statistics of a dataset.

    Args:
        stored: What `norm_stats` of config.json, or dataset_statistics.json, holds.
        key: Name of the dataset (`unnorm_key`).
        size: Numbers of an action.

    Raises:
        ActionStatisticsError: The dataset is unknown, or its statistics have another size.
    """
    if key not in stored:
        raise ActionStatisticsError(
            f'unnorm_key {key!r} is not among the datasets of the checkpoint: {sorted(stored)}; '
            'set unnorm_key to the one whose robot acts like yours'
        )
    found = stored[key]['action']
    low, high = np.array(found['q01'], float), np.array(found['q99'], float)
    scaled = np.array(found.get('mask', [True] * len(low)), bool)
    if not len(low) == len(high) == len(scaled) == size:
        raise ActionStatisticsError(
            f'the statistics of {key!r} are of {len(low)}, {len(high)} and {len(scaled)} numbers '
            f'(q01, q99, mask), but an action has {size}'
        )
    if not (np.isfinite([low, high]).all() and (high >= low).all()):
        raise ActionStatisticsError(f'the statistics of {key!r} are no ranges: {low}, {high}')
    return ActionStatistics(low, high, scaled)


def possible_bins(
    statistics: ActionStatistics, binary: Sequence[tuple[float, float]]
) -> torch.Tensor:
    """Return which bins a number may take, (A, 256) bool.

    Args:
        statistics: A number without a range may take only the bin of 0.
        binary: The two normalised values of each of the last numbers, which take nothing else.
    """
    possible = torch.ones(len(statistics.low), BINS, dtype=torch.bool)
    fixed = torch.as_tensor(statistics.scaled & (statistics.high <= statistics.low))
    possible[fixed] = False
    possible[fixed, bins_of(torch.zeros(1))] = True
    for row, pair in zip(range(-len(binary), 0), binary, strict=True):
        possible[row] = False
        possible[row, bins_of(torch.tensor(pair))] = True
    return possible
