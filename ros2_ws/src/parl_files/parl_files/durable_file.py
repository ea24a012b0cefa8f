# SPDX-License-Identifier: Apache-2.0
"""Files that are either there whole or not there at all, whatever kills the process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import fcntl
import os
from pathlib import Path
import shutil
from typing import BinaryIO
import uuid

from parl_files.error import ParlError

PARTIAL_SUFFIX = '.partial'


class DurableWriteError(ParlError, OSError):
    """A file could not be written; what was there before still is, or the new one already.

    Attributes:
        path: file that was to be written.
        bytes_written: bytes that reached the temporary file.
        free_bytes: free space on that disk afterwards, None if it could not be asked.
    """

    def __init__(self, path: Path, bytes_written: int, cause: OSError) -> None:
        self.path = path
        self.bytes_written = bytes_written
        self.free_bytes = _free_bytes(path.parent)
        free = 'unknown' if self.free_bytes is None else f'{self.free_bytes} bytes'
        super().__init__(
            f'could not write {path}: {cause.strerror or cause} after {bytes_written} bytes '
            f'(free on that disk: {free}); no half file was left behind. Free space there, or '
            f'check that the folder exists and may be written, and repeat'
        )


def write_durably(path: Path, content: bytes | Callable[[BinaryIO], None]) -> Path:
    """Write a file so that readers see it complete or not at all, also after a power cut.

    Temporary name in the same folder, fsync, rename, fsync of the folder. The temporary file is
    locked while it is written, so that sweep_partial can tell it from a dead process's leftover.

    Args:
        path: final name; an existing file is replaced. The folder must exist.
        content: the bytes, or a function that writes them to the open file it is given.

    Returns:
        The path.

    Raises:
        DurableWriteError: full disk, missing folder, no permission, file size limit. Where only
            the folder's fsync failed the file is there whole, but may not survive a power cut.
    """
    path = Path(path)
    written = 0
    try:
        with _partial_file(path) as file:
            try:
                if callable(content):
                    content(file)
                else:
                    file.write(content)
                file.flush()
                os.fsync(file.fileno())
            finally:
                written = os.fstat(file.fileno()).st_size
            os.replace(file.name, path)
            _fsync_folder(path.parent)
    except OSError as error:
        raise DurableWriteError(path, written, error) from error
    return path


def make_folder(folder: Path) -> Path:
    """Make a folder, and those it is in, unless it is there.

    Returns:
        The folder.

    Raises:
        DurableWriteError: No permission, or a file has its name.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DurableWriteError(folder, 0, error) from error
    return folder


def sweep_partial(folder: Path) -> list[Path]:
    """Remove what killed processes left half-written; files being written now are kept.

    Args:
        folder: where to look, not its sub-folders; may be missing.

    Returns:
        The files removed.
    """
    removed = []
    for path in sorted(Path(folder).glob(f'*{PARTIAL_SUFFIX}')):
        try:
            with path.open('rb') as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
        except (BlockingIOError, FileNotFoundError):
            continue  # its writer lives, or has just finished
        removed.append(path)
    return removed


@contextmanager
def _partial_file(path: Path) -> Iterator[BinaryIO]:
    """Open a locked temporary file beside path; it is gone at the end unless it was renamed."""
    partial = path.with_name(f'{path.name}.{uuid.uuid4().hex[:8]}{PARTIAL_SUFFIX}')
    with partial.open('xb') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            partial.unlink(missing_ok=True)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _free_bytes(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
