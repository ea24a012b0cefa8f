# SPDX-License-Identifier: Apache-2.0
"""Practice in rounds: the configuration that an experiment and `parl-train` share."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PracticeConfig:
    """Rounds of practice, each followed by updates, between evaluations."""

    seed: int = 0
    """Seed of everything random."""
    warm_up_episodes: int = 1
    """Practice episodes before the first online update."""
    practice_episodes: int = 0
    """Practice episodes in all, warm-up included."""
    episodes_per_round: int = 1
    """Practice episodes between updates, after the warm-up."""
    evaluation_episodes: int = 32
    """Episodes of each evaluation; all evaluations start from the same states."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        for name in ('episodes_per_round', 'evaluation_episodes'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} must be at least 1: {getattr(self, name)}')
        for name in ('seed', 'warm_up_episodes', 'practice_episodes'):
            if getattr(self, name) < 0:
                raise ValueError(f'{name} must be 0 or more: {getattr(self, name)}')

    @property
    def practice_rounds(self) -> list[int]:
        """Number of episodes of each practice round; round n makes version n + 1."""
        left = self.practice_episodes
        rounds: list[int] = []
        while left > 0:
            first = self.warm_up_episodes or self.episodes_per_round
            rounds.append(min(self.episodes_per_round if rounds else first, left))
            left -= rounds[-1]
        return rounds

    def practice_needed(self, round_index: int) -> int:
        """Return how many practice episodes must be recorded before round 1, 2, … begins."""
        return sum(self.practice_rounds[:round_index])
