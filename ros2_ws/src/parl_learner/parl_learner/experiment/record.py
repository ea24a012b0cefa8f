# SPDX-License-Identifier: Apache-2.0
"""What an experiment did and how long each part took, one JSON line each; survives kill -9."""

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
    """An episode played or a version waited for."""

    phase: Phase
    name: str
    """Episode id, or 'version-<n>'."""
    seconds: float
    """Wall time [s]."""
    success: bool = False
    steps: int = 0
    """Control steps of the episode."""
    decision_ms: tuple[float, ...] = ()
    """Newest observation to target, each control step."""


class ExperimentRecord:
    """Appends to `experiment.jsonl` and reads it back."""

    def __init__(self, folder: Path) -> None:
        """Open the record of a data folder; cut off a line that a kill left unfinished.

        Raises:
            ExperimentRecordError: It is no file, or may not be read and written.
        """
        self._path = folder / 'experiment.jsonl'
        try:
            self._cut_off_unfinished_line()
        except OSError as error:
            raise ExperimentRecordError(
                f'cannot use {self._path}: {error}; it must be a file that may be read and written'
            ) from error

    def add(self, step: RecordedStep) -> None:
        """Append a step durably.

        Raises:
            DurableWriteError: The disk is full, say; what was recorded before still is.
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
        """All steps, in order; an episode recorded twice counts once.

        Raises:
            ExperimentRecordError: Names the line that is no step.
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
                    f'{what}; delete that line: all but its times is found again in the episode '
                    'that it tells of'
                ) from error

    def _cut_off_unfinished_line(self) -> None:
        if self._path.exists():
            content = self._path.read_bytes()
            whole = content.rfind(b'\n') + 1
            if whole != len(content):
                os.truncate(self._path, whole)
