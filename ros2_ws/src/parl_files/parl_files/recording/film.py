# SPDX-License-Identifier: Apache-2.0
"""The pictures of one camera in an episode, compressed as in its file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from parl_files.error import ParlError

JPEG_QUALITY = 95


class PictureError(ParlError):
    """A picture cannot be encoded or decoded."""


@dataclass(frozen=True, eq=False)
class Film:
    """Pictures (height, width, 3) uint8 RGB; iterating decodes one after the other.

    A policy acts on the decoded picture and not on the camera's own, so that it learns later from
    what it acted on, to the bit.
    """

    size: tuple[int, int]
    """(height, width) [px]."""
    stamps_s: np.ndarray
    """(N,) times of the pictures [s], on the clock of the episode's stamps."""
    compressed: Callable[[], Sequence[bytes]]
    """Returns the N compressed pictures; those of a stored episode are read from its file."""
    table: np.ndarray | None = None
    """(3, 3) maps (x, y, 1) [m] on the table in base_link to (column, row, 1) up to a scale.

    Column and row are shares, 0…1, of the picture's width and height. None: not calibrated.
    """

    def __len__(self) -> int:
        """Return the number of pictures N."""
        return len(self.stamps_s)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Decode the pictures.

        Raises:
            PictureError: One cannot be decoded, or has another size.
        """
        for number, data in enumerate(self.compressed()):
            pixels = decode_picture(data)
            if pixels.shape[:2] != self.size:
                raise PictureError(
                    f'picture {number} is {pixels.shape[:2]}, the film says {self.size}'
                )
            yield pixels


def encode_picture(pixels: np.ndarray) -> bytes:
    """Return the JPEG of pixels (height, width, 3) uint8 RGB; the same pixels give the same bytes.

    Raises:
        PictureError: The array is no such picture.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise PictureError(
            f'a picture is {pixels.dtype} of shape {pixels.shape}; expected uint8 of '
            '(height, width, 3)'
        )
    return _encoded(pixels, '.jpg', [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def encode_losslessly(pixels: np.ndarray) -> bytes:
    """Return the PNG of pixels (height, width, 3) uint8 RGB, for pictures that were acted on."""
    return _encoded(pixels, '.png', [])


def decode_picture(data: bytes) -> np.ndarray:
    """Return the pixels (height, width, 3) uint8 RGB of a JPEG or PNG picture.

    Raises:
        PictureError: The data are no picture, or a damaged one.
    """
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if found is None:
        raise PictureError(f'{len(data)} bytes that begin with {data[:8]!r} are no picture')
    return cv2.cvtColor(found, cv2.COLOR_BGR2RGB)


def _encoded(pixels: np.ndarray, extension: str, options: list[int]) -> bytes:
    done, data = cv2.imencode(extension, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise PictureError(f'a picture of shape {pixels.shape} cannot be encoded')
    return data.tobytes()
