# SPDX-License-Identifier: Apache-2.0
"""A growing table of pictures on disk, of which only what is asked for is in memory."""

import os
from pathlib import Path
import tempfile
from typing import IO

import numpy as np
import torch

from parl_files.error import ParlError
from parl_policy.observations import Size


class PictureTableError(ParlError):
    """The pictures of the replay cannot be kept, for example because the disk is full."""


class PictureTable:
    """Pictures (M, height, width, 3) uint8 in a file without a name, which ends with the process.

    They are made from the episode files alone, so nothing of them needs to survive. Rows are read,
    not mapped: mapped pages would count as memory of the process, up to the size of the file.
    """

    def __init__(self, size: Size, folder: Path) -> None:
        """Start empty, in a folder with space: a picture takes height · width · 3 bytes.

        The file is made with the first picture.
        """
        self.size = size
        self._folder = folder
        self._bytes = size[0] * size[1] * 3
        self._rows = 0
        self._file: IO[bytes] | None = None

    def __len__(self) -> int:
        """Return the number of pictures M."""
        return self._rows

    def append(self, picture: np.ndarray) -> None:
        """Add a picture (height, width, 3) uint8.

        Raises:
            PictureTableError: For example, the disk is full.
        """
        assert picture.shape == (*self.size, 3)
        assert picture.dtype == np.uint8
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
            written = os.pwrite(self._file.fileno(), picture.tobytes(), self._rows * self._bytes)
        except OSError as error:
            raise self._error(error) from error
        if written != self._bytes:
            raise self._error(OSError(f'only {written} of {self._bytes} bytes were written'))
        self._rows += 1

    def __getitem__(self, rows: torch.Tensor) -> torch.Tensor:
        """Read pictures by rows (B,): (B, height, width, 3) uint8."""
        found = np.empty((len(rows), self._bytes), np.uint8)
        for place, row in zip(found, rows.tolist(), strict=True):
            offset = row * self._bytes
            if self._file is None or os.preadv(self._file.fileno(), [place.data], offset) < 1:
                raise IndexError(f'row {row} of {self._rows} pictures')
        return torch.from_numpy(found.reshape(-1, *self.size, 3)).to(rows.device)

    def _error(self, error: OSError) -> PictureTableError:
        return PictureTableError(
            f'the {self._rows + 1}. picture of {self._bytes} bytes cannot be kept in '
            f'{self._folder}: {error}; make space there and start again: everything is made anew '
            'from the episode files'
        )
