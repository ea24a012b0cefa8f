# SPDX-License-Identifier: Apache-2.0
"""Between PARL's actions in [-1, 1] and the bins of a checkpoint's tokens."""

import numpy as np
import torch
from torch import nn

from parl_policy.episode.action_space import ACTION_DIM, MAX_ROTATION_RAD, MAX_TRANSLATION_M
from parl_vla.openvla.action_bins import (
    ActionStatistics,
    BIN_WIDTH,
    BINS,
    bins_of,
    centres,
    possible_bins,
)

UNITS = np.array([MAX_TRANSLATION_M] * 3 + [MAX_ROTATION_RAD] * 3)
"""Metres and radians of an action entry of 1, without the gripper."""
CLOSED, OPEN = 0.0, 1.0
"""Tokens of the gripper stand for its opening, which is not scaled."""


class ActionCode:
    """Translates flat actions (…, D) of one or more control steps, D = T · 7.

    Attributes:
        possible: (D, 256) bool, the bins that each number may take.
        still: Entries of a control step that never move in the dataset; all bins mean the same.
    """

    def __init__(self, statistics: ActionStatistics, horizon: int) -> None:
        """Take the ranges of a dataset's actions for a number of control steps T."""
        scaled = statistics.scaled[: ACTION_DIM - 1]
        low = np.where(scaled, statistics.low[: ACTION_DIM - 1], -1.0)
        high = np.where(scaled, statistics.high[: ACTION_DIM - 1], 1.0)
        spread = high - low
        moves = spread > 0.0
        self.still = tuple(int(entry) for entry in np.flatnonzero(~moves))
        divisor = np.where(moves, spread, 1.0)
        gain = np.where(moves, 2.0 * UNITS / divisor, 0.0)
        shift = np.where(moves, -2.0 * low / divisor - 1.0, 0.0)
        self._gain = self._tiled(np.append(gain, (OPEN - CLOSED) / 2.0), horizon)
        self._shift = self._tiled(np.append(shift, (OPEN + CLOSED) / 2.0), horizon)
        self._alone = self._tiled(np.append(low / UNITS, 0.0), horizon)
        possible = possible_bins(statistics, [(CLOSED, OPEN)])
        self.possible = possible.repeat(horizon, 1).to(torch.get_default_device())
        is_twin = (centres().unsqueeze(1) == centres()).to(self.possible.device)
        twins = self.possible.float() @ is_twin.float()
        self._share = self.possible / twins.clamp(min=1.0)

    def bins(self, actions: torch.Tensor) -> torch.Tensor:
        """Return the bins (…, D) of actions; what is beyond the statistics gets the end bins."""
        return bins_of(self._normalised(actions))

    def actions(self, bins: torch.Tensor) -> torch.Tensor:
        """Return the actions (…, D) in [-1, 1] that bins stand for."""
        moves = self._gain > 0.0
        restored = (centres().to(bins.device)[bins] - self._shift) / self._gain.where(moves, 1.0)
        return restored.where(moves, self._alone).clamp(-1.0, 1.0)

    def labels(self, actions: torch.Tensor, width: float) -> torch.Tensor:
        """Return distributions (…, D, 256) over the possible bins.

        Bins 0 and 1 stand for the same number, so a wide label gives each half of its weight: else
        that end of the range would count double. The release writes both, 0 at and beyond the
        quantile and 1 just below it, and one without a label would be unlearned.

        Args:
            actions: (…, D).
            width: Standard deviation around the exact number [bins]; 0: all on its bin.
        """
        if width == 0.0:
            return nn.functional.one_hot(self.bins(actions), BINS).float()
        distance = centres().to(actions.device) - self._normalised(actions).unsqueeze(-1)
        scores = -0.5 * (distance / (width * BIN_WIDTH)).square()
        return (scores + self._share.log()).softmax(-1)

    def _normalised(self, actions: torch.Tensor) -> torch.Tensor:
        return (actions * self._gain + self._shift).clamp(-1.0, 1.0)

    @staticmethod
    def _tiled(step: np.ndarray, horizon: int) -> torch.Tensor:
        return torch.as_tensor(
            np.tile(step, horizon), dtype=torch.float32, device=torch.get_default_device()
        )
