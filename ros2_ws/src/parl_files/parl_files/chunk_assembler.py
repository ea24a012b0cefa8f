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
    """Collects the bytes of one announced file in order, whatever the transport is.

    Loop: ask for `next_length` bytes at `next_offset` and `add` the answer until `is_complete`,
    then `finish`. The file appears in the folder only after its hash was right.
    """

    def __init__(self, folder: Path, record: ArtifactRecord) -> None:
        """Start a transfer.

        Args:
            folder: Where the finished file goes.
            record: What was announced about the file.

        Raises:
            ArtifactNameError: The announced name is no artifact name (a path, for example).
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
        """Number of bytes to ask for next; 0 when complete."""
        return min(MAX_CHUNK_BYTES, self._record.bytes - len(self._data))

    @property
    def is_complete(self) -> bool:
        """Whether all bytes are there (not yet whether they are right)."""
        return len(self._data) == self._record.bytes

    def add(self, offset: int, data: bytes) -> None:
        """Append the chunk that starts at `offset`.

        Raises:
            ArtifactDamagedError: There is a gap, a repetition, more bytes than announced, or an
                empty chunk before the end (the file on the other host is too short).
        """
        name, size = self._record.name, self._record.bytes
        if offset != self.next_offset:
            raise ArtifactDamagedError(
                f'artifact {name}: got the chunk at byte {offset}, expected {self.next_offset}; '
                f'start the transfer again'
            )
        if not data and not self.is_complete:
            raise ArtifactDamagedError(
                f'artifact {name} ends after {offset} bytes, but {size} were announced; check '
                f'the disk of the host that announced it'
            )
        if offset + len(data) > size:
            raise ArtifactDamagedError(
                f'artifact {name}: {offset + len(data)} bytes came, but {size} were announced; '
                f'start the transfer again'
            )
        self._data += data

    def finish(self) -> Path:
        """Check the hash and write the file durably.

        Returns:
            The path of the finished file.

        Raises:
            ArtifactDamagedError: Bytes are missing or the hash is wrong; nothing is written.
            DurableWriteError: The file cannot be written, on a full disk for example.
        """
        name = self._record.name
        if not self.is_complete:
            raise ArtifactDamagedError(
                f'artifact {name}: {len(self._data)} of {self._record.bytes} bytes came; continue '
                f'the transfer at byte {self.next_offset}'
            )
        sha256 = hashlib.sha256(self._data).hexdigest()
        digest_in_name = check_artifact_name(name)['digest']
        if sha256 != self._record.sha256 or not sha256.startswith(digest_in_name):
            raise ArtifactDamagedError(
                f'artifact {name}: the bytes that came have sha256 {sha256}, but '
                f'{self._record.sha256} was announced; start the transfer again'
            )
        return write_durably(self._path, bytes(self._data))
