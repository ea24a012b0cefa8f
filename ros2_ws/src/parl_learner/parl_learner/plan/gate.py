# SPDX-License-Identifier: Apache-2.0
"""The evaluation gate: which version goes on, from the gate episodes that were played."""

from collections.abc import Mapping
from dataclasses import dataclass

from parl_learner.plan.experiment_config import ExperimentConfig


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """What the gate said about one version."""

    version: int
    successes: int
    episodes: int
    rival: int
    """Version that was kept before it; 0 for the first version, which has none."""
    rival_successes: int
    """Successes of that one, from the same starts."""

    @property
    def kept(self) -> int:
        """Version that goes on: of equal ones the newer, which has learned from more."""
        return self.version if self.successes >= self.rival_successes else self.rival

    @property
    def sentence(self) -> str:
        """Result and decision in words."""
        found = f'version {self.version}: {self.successes} of {self.episodes}'
        if not self.rival:
            return found
        verb = 'is kept' if self.kept == self.version else 'stays'
        return (
            f'{found}, version {self.rival} had {self.rival_successes}: version {self.kept} {verb}'
        )


def gate_episode_id(version: int, index: int) -> str:
    """Return the name of a gate episode, numbered from 0; each version plays its own."""
    return f'gate-{version:04d}-{index:04d}'


def gate_results(config: ExperimentConfig, successes: Mapping[str, bool]) -> list[GateResult]:
    """Return the results of version 1, 2, … up to the first whose gate is not played yet.

    Args:
        config: The experiment; without a gate there are no results.
        successes: Whether each episode on disk was a success, by id.
    """
    results: list[GateResult] = []
    kept, most = 0, 0
    for version in range(1, len(config.practice_rounds) + 2):
        names = [gate_episode_id(version, index) for index in range(config.gate_episodes)]
        if not names or not all(name in successes for name in names):
            break
        result = GateResult(
            version=version,
            successes=sum(successes[name] for name in names),
            episodes=len(names),
            rival=kept,
            rival_successes=most,
        )
        results.append(result)
        kept, most = result.kept, max(most, result.successes)
    return results


def kept_versions(config: ExperimentConfig, successes: Mapping[str, bool]) -> dict[int, int]:
    """Return for each version whose gate is played which one goes on: it, or one before it."""
    return {result.version: result.kept for result in gate_results(config, successes)}
