# SPDX-License-Identifier: Apache-2.0
"""What a check found, and how a policy class offers checks of its own."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from parl_policy.compute.memory import MemoryNeed
from parl_policy.policy import Context


class Verdict(StrEnum):
    """How a check ended."""

    OK = 'ok'
    WRONG = 'wrong'
    NOT_APPLICABLE = 'not applicable'


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        check: Name of the check.
        verdict: How it ended.
        found: What was found, with numbers.
        remedy: What to do about it, if it is wrong.
    """

    check: str
    verdict: Verdict
    found: str
    remedy: str = ''

    def __str__(self) -> str:
        """Write the line."""
        is_wrong = self.verdict == Verdict.WRONG
        remedy = f'; {self.remedy}' if is_wrong else ''
        return f'{self.verdict:14} {self.check}: {self.found}{remedy}'


def judge(check: str, is_wrong: bool, found: str, remedy: str) -> Finding:
    """Make a finding that is ok or wrong."""
    return Finding(check, Verdict.WRONG if is_wrong else Verdict.OK, found, remedy)


def not_applicable(check: str, why: str) -> Finding:
    """Make the finding of a check that says nothing here."""
    return Finding(check, Verdict.NOT_APPLICABLE, why)


@runtime_checkable
class SelfExamining(Protocol):
    """A policy with checks that only its class knows."""

    def examine(self, context: Context) -> Iterable[Finding]:
        """Examine itself on one encoded state."""
        ...


@runtime_checkable
class SelfEstimating(Protocol):
    """A policy's configuration that knows what loading takes, from small files alone."""

    def memory_need(self, samples: int, horizon: int) -> MemoryNeed:
        """Return what acting takes with k samples of T control steps."""
        ...

    def examine_files(self) -> Iterable[Finding]:
        """Examine the files that it names, without their weights."""
        ...
