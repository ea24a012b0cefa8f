# SPDX-License-Identifier: Apache-2.0
"""Puts an artifact from another host together from its chunks and checks it."""

import hashlib
from pathlib import Path

from parl_files.artifact_store import (
    ArtifactDamagedError,
    ArtifactRecord,
    check_artifact_name,
    MAX_CHUNK_BYTES,
)
from parl_files.durable_file import write_durably


class ChunkAssembler:
    """Collects the bytes of one announced file in order; asks nothing of the transport.

    Loop: ask for `next_length` bytes at `next_offset`, `add` the answer until `is_complete`, then
    `finish`. Nothing appears in the folder before the hash was right.
    """

    def __init__(self, folder: Path, record: ArtifactRecord) -> None:
        """Start a transfer.

        Args:
            folder: where the finished file goes.
            record: as announced.

        Raises:
            ArtifactNameError: the announced name is no artifact name (a path, for example).
        """
        check_artifact_name(record.name)
        self._path = Path(folder) / record.name
        self._record = record
        self._data = bytearray()

    @property
    def next_offset(self) -> int:
        """First byte that is still missing."""
        return len(self._data)

    @property
    def next_length(self) -> int:
        """How many bytes to ask for next; 0 when complete."""
        return min(MAX_CHUNK_BYTES, self._record.bytes - len(self._data))

    @property
    def is_complete(self) -> bool:
        """Whether all bytes are there (not yet whether they are right)."""
        return len(self._data) == self._record.bytes

    def add(self, offset: int, data: bytes) -> None:
        """Append the chunk that starts at offset.

        Raises:
            ArtifactDamagedError: a gap, a repetition, more bytes than announced, or an empty
                chunk before the end (the file at the other side is shorter than announced).
        """
        name, size = self._record.name, self._record.bytes
        if offset != self.next_offset:
            raise ArtifactDamagedError(
                f'artifact {name}: got the chunk at byte {offset}, expected {self.next_offset}; '
                f'start the transfer again'
            )
        if not data and not self.is_complete:
            raise ArtifactDamagedError(
                f'artifact {name} ends after {offset} bytes, announced were {size}; check the '
                f'disk of the host that announced it'
            )
        if offset + len(data) > size:
            raise ArtifactDamagedError(
                f'artifact {name}: {offset + len(data)} bytes came, announced were {size}; '
                f'start the transfer again'
            )
        self._data += data

    def finish(self) -> Path:
        """Check the hash and write the file durably.

        Returns:
            Path of the finished file.

        Raises:
            ArtifactDamagedError: bytes missing or hash wrong; nothing is written.
            DurableWriteError: full disk and the like.
        """
        name = self._record.name
        if not self.is_complete:
            raise ArtifactDamagedError(
                f'artifact {name}: {len(self._data)} of {self._record.bytes} bytes came; go on '
                f'fetching at byte {self.next_offset}'
            )
        sha256 = hashlib.sha256(self._data).hexdigest()
        digest_in_name = check_artifact_name(name)['digest']
        if sha256 != self._record.sha256 or not sha256.startswith(digest_in_name):
            raise ArtifactDamagedError(
                f'artifact {name}: sha256 of what came is {sha256}, announced was '
                f'{self._record.sha256}; start the transfer again'
            )
        return write_durably(self._path, bytes(self._data))
