# SPDX-License-Identifier: Apache-2.0
"""What a network needs of a device's memory, and what there is, before anything is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from parl_files.error import ParlError

GIGABYTE = 1e9
MEMORY_FACTS = Path('/proc/meminfo')
GROUP = Path('/sys/fs/cgroup')
"""Limit of a container, as Linux writes it inside (cgroup v2)."""


class TooLittleMemoryError(ParlError):
    """A network does not fit; the message names need, have and remedy."""


@dataclass(frozen=True)
class MemoryNeed:
    """Estimate of the memory that acting takes.

    Attributes:
        parts: Bytes by what they are for.
        remedy: What to do if there is less.
    """

    parts: Mapping[str, int]
    remedy: str

    @property
    def total(self) -> int:
        """All parts together [bytes]."""
        return sum(self.parts.values())

    def __str__(self) -> str:
        """Name the total and its parts [GB]."""
        parts = ', '.join(f'{name} {_written(size)}' for name, size in self.parts.items())
        return f'{_written(self.total)} GB ({parts})'

    def misfit(self, have: int) -> str:
        """Say why so many bytes do not do; empty if they do."""
        if self.total <= have:
            return ''
        return f'needs {self}, but {_written(have)} GB are free'

    def check(self, have: int | None, what: str) -> None:
        """Refuse what does not fit; None stands for a machine that does not say what it has.

        Raises:
            TooLittleMemoryError: It needs more than `have` bytes.
        """
        if have is not None and (why := self.misfit(have)):
            raise TooLittleMemoryError(f'{what} {why}; {self.remedy}')


def _written(size: int) -> str:
    return f'{size / GIGABYTE:.3g}'


def free_memory(facts: Path = MEMORY_FACTS, group: Path = GROUP) -> int | None:
    """Return the free bytes of this thread's device; None if the machine does not say.

    On a CPU a container may allow less than the machine has.

    Args:
        facts: File with the machine's memory, as Linux writes it.
        group: Folder with the container's limit.
    """
    device = torch.get_default_device()
    if device.type == 'cuda':
        return torch.cuda.mem_get_info(device)[0]
    if not facts.is_file():
        return None
    lines = (line.split() for line in facts.read_text(encoding='utf-8').splitlines())
    free = {words[0]: int(words[1]) * 1024 for words in lines}['MemAvailable:']
    limit, used = group / 'memory.max', group / 'memory.stat'
    if limit.is_file() and (allowed := limit.read_text(encoding='utf-8').strip()) != 'max':
        counts = dict(line.split() for line in used.read_text(encoding='utf-8').splitlines())
        # What was read from files is given back when it is needed; programs' own memory is not.
        free = min(free, int(allowed) - int(counts['anon']) - int(counts.get('shmem', 0)))
    return free
