# SPDX-License-Identifier: Apache-2.0
"""The observations of all rows of a replay, as a policy or critic that sees pictures sees them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch

from parl_learner.replay.picture_table import PictureTable
from parl_policy.observations import Observations


@dataclass(frozen=True, eq=False)
class ObservationTable:
    """M observations, read when their rows are asked for.

    Attributes:
        numbers: (M, O).
        pictures: By the name of the camera.
        instructions: M texts.
    """

    numbers: torch.Tensor
    pictures: Mapping[str, PictureTable]
    instructions: Sequence[str]

    def __len__(self) -> int:
        """Return the number of observations M."""
        return len(self.numbers)

    def __getitem__(self, rows: torch.Tensor) -> Observations:
        """Return the observations of the rows (B,)."""
        return Observations(
            self.numbers[rows],
            {camera: table[rows] for camera, table in self.pictures.items()},
            tuple(self.instructions[row] for row in rows.tolist()),
        )


StateTable: TypeAlias = torch.Tensor | ObservationTable
"""M observations, indexed by rows (B,): numbers (M, O) for those who need only them."""
