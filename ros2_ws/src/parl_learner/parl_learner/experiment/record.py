# SPDX-License-Identifier: Apache-2.0
"""The record of an experiment: one JSON line for each step; it survives kill -9."""

from collections.abc import Iterator
import contextlib
from dataclasses import asdict, dataclass
import json
import os
from pathlib import Path

from parl_files.config_file import ConfigError, from_mapping
from parl_files.durable_file import DurableWriteError
from parl_files.error import ParlError
from parl_learner.plan.schedule import Phase


class ExperimentRecordError(ParlError):
    """The record cannot be read."""


@dataclass(frozen=True, kw_only=True)
class RecordedStep:
    """A played episode, or a version that was learned."""

    phase: Phase
    name: str
    """Episode id, or 'version-<n>'."""
    seconds: float
    """Wall time [s]."""
    success: bool = False
    steps: int = 0
    """Control steps of the episode."""
    decision_ms: tuple[float, ...] = ()
    """Time from the newest observation to the target [ms], for each control step."""


class ExperimentRecord:
    """Writes the file `experiment.jsonl` and reads it."""

    def __init__(self, folder: Path) -> None:
        """Open the record of a data folder; remove a last line that a kill left unfinished.

        Raises:
            ExperimentRecordError: It is not a file, or may not be read and written.
        """
        self._path = folder / 'experiment.jsonl'
        try:
            self._cut_off_unfinished_line()
        except OSError as error:
            raise ExperimentRecordError(
                f'cannot use {self._path}: {error}; it must be a file that may be read and written'
            ) from error

    def add(self, step: RecordedStep) -> None:
        """Append a step, so that it survives a power cut.

        Raises:
            DurableWriteError: For example, the disk is full; what was recorded before still is.
        """
        try:
            with self._path.open('a', encoding='utf-8') as file:
                file.write(json.dumps(asdict(step)) + '\n')
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):
                self._cut_off_unfinished_line()
            raise DurableWriteError(self._path, 0, error) from error

    def steps(self) -> list[RecordedStep]:
        """Return all steps, in order; an episode that was recorded twice counts once.

        Raises:
            ExperimentRecordError: A line is not a step; the message names it.
        """
        return list({step.name: step for step in self._read()}.values())

    def _read(self) -> Iterator[RecordedStep]:
        lines = self._path.read_bytes().splitlines() if self._path.exists() else []
        for number, line in enumerate(lines, start=1):
            where = f'{self._path}, line {number}'
            try:
                yield from_mapping(RecordedStep, json.loads(line), where)
            except (ConfigError, ValueError) as error:
                what = error if isinstance(error, ConfigError) else f'{where}: {error}'
                raise ExperimentRecordError(
                    f'{what}; delete that line: the step is then read from its episode file, '
                    'without its times'
                ) from error

    def _cut_off_unfinished_line(self) -> None:
        if self._path.exists():
            content = self._path.read_bytes()
            whole = content.rfind(b'\n') + 1
            if whole != len(content):
                os.truncate(self._path, whole)
