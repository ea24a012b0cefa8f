# SPDX-License-Identifier: Apache-2.0
"""What the robot sees: named numbers, named pictures and an instruction; and who needs what of it.

The flat vector of numbers is the form of those who need only numbers: their `encode` gets a tensor
(B, O). Those who see pictures or read the instruction get `Observations`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import cv2
import numpy as np
import torch

Size: TypeAlias = tuple[int, int]
"""(height, width) [px]."""

NEAR_M = 0.01
"""Distance up to which an offset from the gripper has a linear scale [m]; beyond, it flattens."""


@dataclass(frozen=True, kw_only=True)
class PictureConfig:
    """The part of a camera's picture that a network sees, and its size there."""

    size: Size = (96, 96)
    """(height, width) [px]; the proportions may differ from those of the part."""
    rows: tuple[float, float] = (0.0, 1.0)
    """First and last row of the part, as shares of the picture's height."""
    columns: tuple[float, float] = (0.0, 1.0)
    """First and last column of the part, as shares of the picture's width."""

    def __post_init__(self) -> None:
        """Refuse what is no part of a picture."""
        if min(self.size) < 1:
            raise ValueError(f'size must be a height and a width [px]: {self.size}')
        for name in ('rows', 'columns'):
            first, last = getattr(self, name)
            if not 0.0 <= first < last <= 1.0:
                raise ValueError(f'{name} must be two rising shares in 0…1: {(first, last)}')

    def part(self, size: Size) -> tuple[slice, slice]:
        """Return the rows and columns of the part in a picture of that size."""
        (top, bottom), (left, right) = self.rows, self.columns
        return (
            slice(round(top * size[0]), round(bottom * size[0])),
            slice(round(left * size[1]), round(right * size[1])),
        )

    def of(self, picture: np.ndarray) -> np.ndarray:
        """Return what is seen of a picture (H, W, 3) uint8: (height, width, 3) uint8.

        Acting and learning both see what this function returns.
        """
        rows, columns = self.part((picture.shape[0], picture.shape[1]))
        height, width = self.size
        return cv2.resize(picture[rows, columns], (width, height), interpolation=cv2.INTER_AREA)

    def within(self, shares: np.ndarray) -> np.ndarray:
        """Return places (…, 2), column and row as shares of the picture, as shares of the part."""
        low = np.array([self.columns[0], self.rows[0]])
        high = np.array([self.columns[1], self.rows[1]])
        return (shares - low) / (high - low)

    def misfit(self, recorded: Size) -> str:
        """Say why pictures of that size do not do; empty if they do."""
        rows, columns = self.part(recorded)
        found = (rows.stop - rows.start, columns.stop - columns.start)
        if found[0] >= self.size[0] and found[1] >= self.size[1]:
            return ''
        return (
            f'its part of a recorded picture of {recorded} is {found}, less than its size '
            f'{self.size}; record larger pictures or see smaller ones'
        )


@dataclass(frozen=True)
class ObservationNeeds:
    """What a policy or a critic needs besides the numbers."""

    pictures: Mapping[str, PictureConfig] = field(default_factory=dict)
    """By the name of the camera."""
    instruction: bool = False
    """Whether it reads the instruction."""
    numbers: bool = True
    """Whether it reads the numbers; it gets them anyway."""

    @property
    def is_only_numbers(self) -> bool:
        """Whether its observations are tensors (B, O)."""
        return not self.pictures and not self.instruction

    def blank(self, numbers: int) -> 'States':
        """Return one state of so many zeros and black pictures."""
        black = {
            camera: torch.zeros(1, *each.size, 3, dtype=torch.uint8)
            for camera, each in self.pictures.items()
        }
        states = Observations(torch.zeros(1, numbers), black, ('',))
        return states.numbers if self.is_only_numbers else states

    def joined(self, other: 'ObservationNeeds') -> 'ObservationNeeds':
        """Return the needs of both together.

        Raises:
            ValueError: They see the same camera differently; the message says how.
        """
        for camera, picture in self.pictures.items():
            others = other.pictures.get(camera, picture)
            if others != picture:
                raise ValueError(f'of the camera {camera!r} {others} and {picture}')
        return ObservationNeeds(
            {**self.pictures, **other.pictures}, self.instruction or other.instruction
        )

    def part_of(self, states: 'States') -> 'States':
        """Return what is needed of states that may hold more; a tensor is returned as it is."""
        if isinstance(states, torch.Tensor):
            return states
        if self.is_only_numbers:
            return states.numbers
        seen = {camera: states.pictures[camera] for camera in self.pictures}
        return Observations(states.numbers, seen, states.instructions)

    def misfit(self, cameras: Mapping[str, Size]) -> str:
        """Say why these recorded cameras do not do; empty if they do."""
        for camera, picture in self.pictures.items():
            if camera not in cameras:
                return (
                    f'sees the camera {camera!r}, but the observations hold '
                    f'{sorted(cameras) or "no pictures"}; add it to `cameras`'
                )
            if why := picture.misfit(cameras[camera]):
                return f'sees the camera {camera!r}, but {why}'
        return ''


def needs_of(config: object) -> ObservationNeeds:
    """Return what the networks of a configuration need.

    The configuration says it in its attributes `pictures`, a mapping from the name of a camera to
    a `PictureConfig`, `reads_instruction` and `reads_numbers`. Without them only numbers are
    needed.
    """
    return ObservationNeeds(
        getattr(config, 'pictures', {}),
        bool(getattr(config, 'reads_instruction', False)),
        bool(getattr(config, 'reads_numbers', True)),
    )


@dataclass(frozen=True, eq=False)
class Observation:
    """One state as the robot sees it.

    Attributes:
        numbers: (O,) float32.
        pictures: By the name of the camera: (H, W, 3) uint8 RGB, as recorded.
        instruction: What the robot is to do.
    """

    numbers: np.ndarray
    pictures: Mapping[str, np.ndarray] = field(default_factory=dict)
    instruction: str = ''

    def for_needs(self, needs: ObservationNeeds) -> 'torch.Tensor | Observations':
        """Return it as a batch of one state for a policy or critic with these needs."""
        numbers = torch.as_tensor(self.numbers, dtype=torch.float32).unsqueeze(0)
        if needs.is_only_numbers:
            return numbers
        seen = {
            camera: torch.as_tensor(config.of(self.pictures[camera])).unsqueeze(0)
            for camera, config in needs.pictures.items()
        }
        return Observations(numbers, seen, (self.instruction,))


@dataclass(frozen=True, eq=False)
class Observations:
    """B states as a policy or critic sees them that needs more than numbers.

    Attributes:
        numbers: (B, O) float32.
        pictures: By the name of the camera: (B, H, W, 3) uint8 RGB in the size that it asked for.
        instructions: B texts.
    """

    numbers: torch.Tensor
    pictures: Mapping[str, torch.Tensor]
    instructions: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of states B."""
        return len(self.numbers)

    def __getitem__(self, rows: torch.Tensor | slice) -> 'Observations':
        """Return some of the states, by indices or a slice."""
        chosen: Iterable[int] = torch.arange(len(self))[rows].tolist()
        return Observations(
            self.numbers[rows],
            {camera: pictures[rows] for camera, pictures in self.pictures.items()},
            tuple(self.instructions[row] for row in chosen),
        )

    @property
    def device(self) -> torch.device:
        """Device of the tensors."""
        return self.numbers.device


States: TypeAlias = torch.Tensor | Observations
"""Observations of B states: numbers (B, O) for those who need only them."""
