# SPDX-License-Identifier: Apache-2.0
"""What learning asks of an episode, wherever it was recorded."""

from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np

from parl_files.episode import Purpose
from parl_policy.observations import Size


class RecordedFilm(Protocol):
    """The observed pictures of one camera in an episode, decoded one after the other."""

    @property
    def size(self) -> Size:
        """(height, width) [px]."""
        ...

    def __len__(self) -> int:
        """Return the number of pictures."""
        ...

    def __iter__(self) -> Iterator[np.ndarray]:
        """Return the pictures (height, width, 3) uint8 RGB."""
        ...


class RecordedEpisode(Protocol):
    """An episode of N transitions as learning uses it, from the station or from other data."""

    @property
    def episode_id(self) -> str:
        """Name of the episode, for messages."""
        ...

    @property
    def purpose(self) -> Purpose:
        """'demonstration' or 'practice'."""
        ...

    @property
    def success(self) -> bool:
        """Whether the episode ended in success."""
        ...

    @property
    def observations(self) -> np.ndarray:
        """(N + 1, O) float32, the numbers."""
        ...

    @property
    def films(self) -> Mapping[str, RecordedFilm]:
        """N + 1 pictures of each observed camera, by its name."""
        ...

    @property
    def instruction(self) -> str:
        """What the robot was told to do; empty if that is not known."""
        ...

    @property
    def actions(self) -> np.ndarray:
        """(N, D) float32 in [-1, 1]."""
        ...

    @property
    def rewards(self) -> np.ndarray:
        """(N,) float32."""
        ...

    @property
    def terminated(self) -> np.ndarray:
        """(N,) bool; the last is True after a success."""
        ...

    @property
    def interventions(self) -> np.ndarray:
        """(N,) bool, an operator took over from the policy and chose this action."""
        ...
