# SPDX-License-Identifier: Apache-2.0
"""A `parl-train` run on one page: data, rewards, environment, learning, practice, evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from parl_learner.learning_config import LearningConfig
from parl_learner.offline.dataset import DatasetConfig
from parl_learner.offline.dataset_check import DatasetCheck
from parl_learner.offline.environment import EnvironmentConfig
from parl_learner.offline.reward_convention import RewardConvention
from parl_policy.config_file import ConfigError, from_mapping, load_yaml


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Offline pre-training, then rounds of practice in an environment if there is one."""

    name: str
    """Of the task, for the result."""
    seed: int = 0
    """Of everything random."""
    dataset: DatasetConfig
    reward: RewardConvention = field(default_factory=RewardConvention)
    environment: EnvironmentConfig | None = None
    """None trains offline and evaluates nothing."""
    binary_actions: tuple[int, ...] = ()
    """Entries of an action that are only ever -1 or 1: a gripper."""
    learning: LearningConfig
    warm_up_episodes: int = 1
    """Practice episodes before the first online update."""
    practice_episodes: int = 0
    """Practice episodes in all, warm-up included."""
    episodes_per_round: int = 1
    """Practice episodes between updates, after the warm-up."""
    evaluation_episodes: int = 32
    """Episodes of each evaluation; all evaluations start from the same states."""
    rounds_per_evaluation: int = 50
    """Practice rounds between evaluations; the first and the last version are always evaluated."""
    parallel_environments: int = 10
    """Environments that share each decision."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        for name in (
            'episodes_per_round',
            'evaluation_episodes',
            'rounds_per_evaluation',
            'parallel_environments',
        ):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} must be at least 1: {getattr(self, name)}')
        if self.practice_episodes and self.environment is None:
            raise ValueError(
                f'practice_episodes is {self.practice_episodes} but there is no environment to '
                'practise in; set it to 0 or describe the environment'
            )

        if self.learning.method == 'dppo':
            raise ValueError(
                "method dppo learns from the station's episodes alone, which keep their seeds; "
                'run it with an experiment file (baselines/dppo.yaml)'
            )

    @property
    def practice_rounds(self) -> list[int]:
        """Episodes of each practice round."""
        left = self.practice_episodes
        rounds: list[int] = []
        while left > 0:
            planned = self.warm_up_episodes or self.episodes_per_round
            count = min(self.episodes_per_round if rounds else planned, left)
            rounds.append(count)
            left -= count
        return rounds

    def is_evaluated(self, round_index: int) -> bool:
        """Whether a version is evaluated: round 0 is pre-training."""
        last = len(self.practice_rounds)
        return round_index in (0, last) or round_index % self.rounds_per_evaluation == 0

    @property
    def check(self) -> DatasetCheck:
        """What the data has to fit."""
        critic = self.learning.critic
        has_support = self.learning.trains_critic and critic.head == 'hl_gauss'
        return DatasetCheck(
            dataset=self.dataset,
            convention=self.reward,
            discount=self.learning.discount,
            failure_return=self.learning.failure_return,
            support=critic.support if has_support else None,
            needs_success=self.learning.method != 'frozen',
        )


def load_training(name: str, changes: Sequence[str] = ()) -> TrainingConfig:
    """Read a configuration.

    Args:
        name: Path of a YAML file, or the name of one that is installed.
        changes: 'learning.imitation_steps=100': values in YAML that replace what the file says.

    Raises:
        ConfigError: Names the file, the key, what was found and what is allowed.
    """
    mapping = _load(name)
    for change in changes:
        key, is_one, value = change.partition('=')
        if not is_one:
            raise ConfigError(f'{change!r} is no change; write key=value')
        _change(mapping, key.split('.'), yaml.safe_load(value))
    return from_mapping(TrainingConfig, mapping, name)


def installed_configs() -> list[str]:
    """Names that `load_training` knows."""
    folder = resources.files('parl_learner.offline') / 'config'
    return sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith('.yaml'))


def _load(name: str) -> dict[str, Any]:
    """A file's content; `like: other` takes from another what it does not say itself."""
    mapping = load_yaml(_find(name))
    like = mapping.pop('like', None)
    return mapping if like is None else _merged(_load(str(like)), mapping)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        under = merged.get(key)
        is_section = isinstance(value, dict) and isinstance(under, dict)
        merged[key] = _merged(under, value) if is_section else value  # type: ignore[arg-type]
    return merged


def _find(name: str) -> Path:
    if Path(name).suffix in ('.yaml', '.yml'):
        return Path(name)
    if name not in installed_configs():
        raise ConfigError(
            f'no configuration {name!r}; name a YAML file, or one of {installed_configs()}'
        )
    return Path(str(resources.files('parl_learner.offline') / 'config' / f'{name}.yaml'))


def _change(mapping: dict[str, Any], keys: list[str], value: object) -> None:
    for key in keys[:-1]:
        mapping = mapping.setdefault(key, {})
        if not isinstance(mapping, dict):
            raise ConfigError(f'{key!r} holds {mapping!r}, not a section')
    mapping[keys[-1]] = value
