# SPDX-License-Identifier: Apache-2.0
"""The pictures of one camera in an episode of any source, and what tells them apart."""

from collections.abc import Iterator
from dataclasses import dataclass
import itertools

import numpy as np

from parl_files.recording.film import Film, PictureError
from parl_learner.replay.recorded_episode import RecordedFilm
from parl_policy.observations import Size


@dataclass(frozen=True, eq=False)
class ArrayFilm:
    """Pictures in memory, for the few episodes of a round that was just played."""

    pictures: np.ndarray
    """(N, height, width, 3) uint8."""

    @property
    def size(self) -> Size:
        """(height, width) [px]."""
        return self.pictures.shape[1], self.pictures.shape[2]

    def __len__(self) -> int:
        """Return the number of pictures N."""
        return len(self.pictures)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Return the pictures (height, width, 3)."""
        return iter(self.pictures)


@dataclass(frozen=True, eq=False)
class FilmStart:
    """The first pictures of a film: what was recorded after a success is left out."""

    film: RecordedFilm
    count: int
    name: str
    """Episode and camera, for the errors of pictures, which do not know them."""

    @property
    def size(self) -> Size:
        """(height, width) [px]."""
        return self.film.size

    @property
    def table(self) -> np.ndarray | None:
        """Calibration of a camera of the station; None of others."""
        return getattr(self.film, 'table', None)

    def __len__(self) -> int:
        """Return the number of pictures."""
        return self.count

    def __iter__(self) -> Iterator[np.ndarray]:
        """Read the pictures.

        Raises:
            PictureError: One cannot be decoded; the message names episode and camera.
        """
        try:
            yield from itertools.islice(self.film, self.count)
        except PictureError as error:
            raise PictureError(f'{self.name}: {error}') from error


def picture_bytes(film: RecordedFilm) -> Iterator[bytes]:
    """Return the bytes of each picture, for a digest; as compressed as they are kept."""
    if isinstance(film, FilmStart):
        return itertools.islice(picture_bytes(film.film), film.count)
    if isinstance(film, Film):
        return iter(film.compressed())
    return (picture.tobytes() for picture in film)
