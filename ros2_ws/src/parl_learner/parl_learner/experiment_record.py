# SPDX-License-Identifier: Apache-2.0
"""What an experiment did and how long each part took, one JSON line each; survives kill -9."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
import json
import os
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class RecordedStep:
    """An episode played or a version waited for."""

    phase: str
    """Phase of the episode, or 'learning'."""
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
        """Open the record of a data folder; cut off a line that a kill left unfinished."""
        self._path = folder / 'experiment.jsonl'
        if self._path.exists():
            content = self._path.read_bytes()
            whole = content.rfind(b'\n') + 1
            if whole != len(content):
                os.truncate(self._path, whole)

    def add(self, step: RecordedStep) -> None:
        """Append a step durably."""
        with self._path.open('a', encoding='utf-8') as file:
            file.write(json.dumps(asdict(step)) + '\n')
            file.flush()
            os.fsync(file.fileno())

    def steps(self) -> list[RecordedStep]:
        """All steps, in order; an episode recorded twice counts once."""
        return list({step.name: step for step in self._read()}.values())

    def _read(self) -> Iterator[RecordedStep]:
        if not self._path.exists():
            return
        for line in self._path.read_text(encoding='utf-8').splitlines():
            fields = json.loads(line)
            yield RecordedStep(**{**fields, 'decision_ms': tuple(fields['decision_ms'])})
