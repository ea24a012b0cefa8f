# SPDX-License-Identifier: Apache-2.0
"""A folder of finished files that never change: episodes, policy and critic versions.

A file is named by its content, `<kind>-<version>-<first 16 hex digits of sha256>.<ext>`, so a name
can be trusted on any host once the hash is checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
import hashlib
from pathlib import Path
import re

from parl_files.durable_file import make_folder, sweep_partial, write_durably
from parl_files.error import ParlError

MAX_CHUNK_BYTES = 1 << 20

_KIND = re.compile(r'[a-z][a-z0-9_]*')
_EXTENSION = re.compile(r'[a-z0-9]+')
_NAME = re.compile(
    r'(?P<kind>[a-z][a-z0-9_]*)-(?P<version>[0-9]{6,20})-'
    r'(?P<digest>[0-9a-f]{16})\.(?P<extension>[a-z0-9]+)'
)


class ArtifactError(ParlError):
    """A file of the store cannot be used; base of the errors below."""


class ArtifactNameError(ArtifactError):
    """The name is not one that this store gives to a file: a path, for example."""


class ArtifactMissingError(ArtifactError):
    """The file is not in the store."""


class ArtifactDamagedError(ArtifactError):
    """The content is not what the name or the announcement promises."""


@dataclass(frozen=True, kw_only=True)
class ArtifactRecord:
    """What is announced about a finished file (parl_msgs/Artifact)."""

    kind: str
    """'episode', 'policy', 'critic' and so on."""
    name: str
    """File name, without folder."""
    version: int
    """Number of the version, 0 or more; it grows within a kind."""
    bytes: int
    """Size of the file [bytes]."""
    sha256: str
    """Hex digest of the whole file."""


def artifact_name(kind: str, version: int, sha256: str, extension: str) -> str:
    """Return the file name of some content.

    Raises:
        ArtifactNameError: Kind, version or extension cannot be part of a name.
    """
    if not _KIND.fullmatch(kind):
        raise ArtifactNameError(f'artifact kind {kind!r}: use a-z, 0-9 and _, a letter first')
    if not _EXTENSION.fullmatch(extension):
        raise ArtifactNameError(f'artifact extension {extension!r}: use a-z and 0-9, no dot')
    if not 0 <= version < 2**63:
        raise ArtifactNameError(f'artifact version {version}: must be 0 or more')
    return f'{kind}-{version:06d}-{sha256[:16]}.{extension}'


def check_artifact_name(name: str) -> re.Match[str]:
    """Check an artifact's file name and return its parts: kind, version, digest, extension.

    Raises:
        ArtifactNameError: The name has another form; a path is refused too.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise ArtifactNameError(
            f'artifact name {name!r}: expected <kind>-<version>-<16 hex digits>.<extension> '
            f'and no folder; use the name as it was announced'
        )
    return match


class ArtifactStore:
    """Content-addressed files in one folder; several processes may write to it at once."""

    def __init__(self, folder: Path) -> None:
        """Open the folder and remove the partial files that killed processes left in it.

        Args:
            folder: Where the files are; it is made if it is missing.

        Raises:
            DurableWriteError: The folder cannot be made.
        """
        self.folder = make_folder(Path(folder))
        sweep_partial(self.folder)
        self._digests: dict[str, tuple[int, int, str]] = {}  # name -> size, mtime [ns], sha256

    def put(self, kind: str, version: int, data: bytes, extension: str) -> ArtifactRecord:
        """Store a file durably; the same content again only becomes the latest written.

        Raises:
            ArtifactNameError: Kind, version or extension cannot be part of a name.
            DurableWriteError: The file cannot be written, on a full disk for example; the store
                is as before.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        name = artifact_name(kind, version, sha256, extension)
        if isinstance(self._check(name), ArtifactRecord):
            (self.folder / name).touch()  # needs no room on the disk
        else:
            write_durably(self.folder / name, data)
        return ArtifactRecord(
            kind=kind, name=name, version=version, bytes=len(data), sha256=sha256
        )

    def list(self, kind: str) -> Sequence[ArtifactRecord]:
        """Return the intact files of a kind, lowest version first, without damaged ones."""
        return [
            record
            for name in self._names(kind)
            if isinstance(record := self._check(name), ArtifactRecord)
        ]

    def damaged(self, kind: str) -> Sequence[ArtifactError]:
        """Return one error for each damaged file of a kind, which `list` leaves out."""
        return [
            error
            for name in self._names(kind)
            if isinstance(error := self._check(name), ArtifactError)
        ]

    def newest(self, kind: str) -> ArtifactRecord | None:
        """Return the intact file with the highest version; of equal ones, the latest written."""
        for name in reversed(self._names(kind)):
            record = self._check(name)
            if isinstance(record, ArtifactRecord):
                return record
        return None

    def path(self, name: str) -> Path:
        """Return the path of an artifact without a look at its content.

        Raises:
            ArtifactNameError: The name has another form.
            ArtifactMissingError: The file is not in the store.
        """
        check_artifact_name(name)
        path = self.folder / name
        if not path.is_file():
            raise ArtifactMissingError(
                f'artifact {name} is not in {self.folder}; fetch it with read_artifact first'
            )
        return path

    def verify(self, name: str, expected: ArtifactRecord | None = None) -> ArtifactRecord:
        """Check size and hash of a file against its name and, if given, its announcement.

        Raises:
            ArtifactNameError: The name has another form.
            ArtifactMissingError: The file is not in the store.
            ArtifactDamagedError: Size or hash differ.
        """
        match = check_artifact_name(name)
        path = self.path(name)
        size = path.stat().st_size
        if expected is not None and size != expected.bytes:
            raise ArtifactDamagedError(
                f'artifact {name} has {size} bytes, but {expected.bytes} were announced: '
                f'truncated or altered; delete it and fetch it again'
            )
        sha256 = self._sha256(path)
        wanted = match['digest'] if expected is None else expected.sha256
        if not sha256.startswith(match['digest']) or not sha256.startswith(wanted):
            raise ArtifactDamagedError(
                f'artifact {name} ({size} bytes) has sha256 {sha256}, expected {wanted}: '
                f'truncated or altered; delete it and fetch it again'
            )
        return ArtifactRecord(
            kind=match['kind'], name=name, version=int(match['version']), bytes=size, sha256=sha256
        )

    def read_chunk(self, name: str, offset: int, length: int) -> bytes:
        """Read a part of a file for a remote reader, who checks the hash of the whole.

        Args:
            name: The file's name as it was announced.
            offset: First byte to read.
            length: Bytes to read at most; a chunk never has more than MAX_CHUNK_BYTES.

        Returns:
            The bytes; empty at the end of the file.

        Raises:
            ArtifactNameError: The name has another form.
            ArtifactMissingError: The file is not in the store.
            ValueError: Offset or length is negative.
        """
        if offset < 0 or length < 0:
            raise ValueError(f'chunk of {name}: offset {offset} and length {length} must be >= 0')
        with self.path(name).open('rb') as file:
            file.seek(offset)
            return file.read(min(length, MAX_CHUNK_BYTES))

    def size(self, name: str) -> int:
        """Return the size of a file [bytes].

        Raises:
            ArtifactNameError: The name has another form.
            ArtifactMissingError: The file is not in the store.
        """
        return self.path(name).stat().st_size

    def _names(self, kind: str) -> Sequence[str]:
        found = []
        for path in self.folder.iterdir():
            match = _NAME.fullmatch(path.name)
            if match and match['kind'] == kind and path.is_file():
                found.append((int(match['version']), path.stat().st_mtime_ns, path.name))
        return [name for _, _, name in sorted(found)]

    def _check(self, name: str) -> ArtifactRecord | ArtifactError:
        try:
            return self.verify(name)
        except ArtifactError as error:
            return error

    def _sha256(self, path: Path) -> str:
        stat = path.stat()
        known = self._digests.get(path.name)
        if known is None or known[:2] != (stat.st_size, stat.st_mtime_ns):
            with path.open('rb') as file:
                digest = hashlib.file_digest(file, 'sha256').hexdigest()
            known = self._digests[path.name] = (stat.st_size, stat.st_mtime_ns, digest)
        return known[2]
