# SPDX-License-Identifier: Apache-2.0
"""Writes files that are either whole or absent, even when the process is killed."""

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
    """A file could not be written; the path holds the old file or the whole new one.

    Attributes:
        path: The file to write.
        bytes_written: Bytes that reached the temporary file.
        free_bytes: Free space on that disk afterwards; None if it is unknown.
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

    The steps: a temporary name in the same folder, fsync, rename, fsync of the folder. The
    temporary file is locked while it is written, so that `sweep_partial` can tell it from a file
    that a dead process left.

    Args:
        path: Final name; an existing file is replaced. The folder must exist.
        content: The bytes, or a function that writes them to the open file that it gets.

    Returns:
        The path.

    Raises:
        DurableWriteError: Full disk, missing folder, no permission, or file size limit. If only
            the folder's fsync failed, the file is whole, but may be lost in a power cut.
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
    """Make a folder and its parents, if they are missing.

    Returns:
        The folder.

    Raises:
        DurableWriteError: There is no permission, or a file has the folder's name.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DurableWriteError(folder, 0, error) from error
    return folder


def sweep_partial(folder: Path) -> list[Path]:
    """Remove partial files of killed processes; keep the files that are being written now.

    Args:
        folder: Where to look, without sub-folders; it may be missing.

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
            continue  # another process is writing it, or has just finished
        removed.append(path)
    return removed


@contextmanager
def _partial_file(path: Path) -> Iterator[BinaryIO]:
    """Open a locked temporary file beside `path`; remove it at the end unless it was renamed."""
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
