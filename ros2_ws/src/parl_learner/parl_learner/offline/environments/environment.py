# SPDX-License-Identifier: Apache-2.0
"""The configuration of a Gymnasium environment, and its conversion to the learner's terms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
import importlib
from pathlib import Path
from typing import Any, Literal

import gymnasium
from gymnasium.wrappers import RescaleAction
import numpy as np

from parl_files.config_file import ConfigError
from parl_learner.offline.environments.d4rl_kitchen import D4RLKitchen
from parl_learner.offline.observations.keys import ObservationKeys, WHOLE
from parl_learner.offline.observations.numbers import check_numbers, joined_numbers
from parl_learner.offline.observations.picture_layout import picture_size
from parl_policy.observations import Observation


@dataclass(frozen=True, kw_only=True)
class EnvironmentConfig(ObservationKeys):
    """The environment, and what its observations mean."""

    id: str
    """Name for `gymnasium.make`."""
    package: str = ''
    """Package that is imported first to register its environments, such as gymnasium_robotics."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Arguments for `gymnasium.make`."""
    reset_options: Mapping[str, Any] = field(default_factory=dict)
    """Options for every `reset`, such as the start and goal cells of a maze."""
    layout: Literal['plain', 'd4rl_kitchen'] = 'plain'
    """'d4rl_kitchen' converts FrankaKitchen's observations and rewards to those of D4RL."""
    max_steps: int
    """Control steps after which an episode times out."""
    action_repeat: int = 1
    """Simulation steps that one action lasts."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        super().__post_init__()
        if self.max_steps < 1 or self.action_repeat < 1:
            raise ValueError(
                f'max_steps and action_repeat must be at least 1: {self.max_steps}, '
                f'{self.action_repeat}'
            )

    def fault(self, error: Exception) -> ConfigError:
        """Return an error that names this environment and says what failed in it."""
        return ConfigError(
            f'environment {self.id!r} cannot be used: {type(error).__name__}: {error}; check '
            'the section environment'
        )

    def make(self) -> gymnasium.Env:
        """Make an environment whose observations are `Observation`, and actions (D,) in [-1, 1].

        It never ends an episode by a time-out; `play` does, after `max_steps`.

        Raises:
            ConfigError: It is not installed or not known, or its actions are not vectors.
            ValueError: Its observations have not the entries that are named, or in another layout.
        """
        try:
            if self.package:
                importlib.import_module(self.package)
            environment: gymnasium.Env = gymnasium.make(
                self.id, max_episode_steps=-1, disable_env_checker=True, **self.arguments
            )
        except (ImportError, gymnasium.error.Error) as error:
            raise self.fault(error) from error
        _remove_model_file(environment)
        if self.layout == 'd4rl_kitchen':
            environment = D4RLKitchen(environment)
        environment = NamedObservation(environment, self)
        space = environment.action_space
        if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1:
            raise ConfigError(f'{self.id} takes actions {space}; expected a vector (Box)')
        if not (np.all(space.low == -1.0) and np.all(space.high == 1.0)):
            environment = RescaleAction(environment, np.float32(-1.0), np.float32(1.0))
        return environment if self.action_repeat == 1 else ActionRepeat(environment, self)


class NamedObservation(gymnasium.ObservationWrapper):
    """Makes an `Observation` of numbers, pictures and an instruction of each observation."""

    def __init__(self, environment: gymnasium.Env, keys: ObservationKeys) -> None:
        """Take the entries that `keys` names.

        Raises:
            ValueError: An entry is missing, or has another layout.
        """
        super().__init__(environment)
        self._keys = keys
        space = environment.observation_space
        self._is_dictionary = isinstance(space, gymnasium.spaces.Dict)
        self._numbers = keys.number_keys(self._is_dictionary)
        spaces = dict(space) if isinstance(space, gymnasium.spaces.Dict) else {WHOLE: space}
        named = {
            f'observation_keys is {list(keys.observation_keys)}': self._numbers,
            f'cameras is {dict(keys.cameras)}': keys.cameras.values(),
            f'instruction_key is {keys.instruction_key!r}': filter(None, [keys.instruction_key]),
        }
        for setting, entries in named.items():
            if not set(entries) <= set(spaces):
                raise ValueError(
                    f'environment.{setting}, but observations are {space}; name entries of a '
                    f'dictionary, {WHOLE!r} for what is none, or nothing for plain numbers'
                )
        for keys_of_kind, check in (
            (self._numbers, check_numbers),
            (keys.cameras.values(), picture_size),
        ):
            for key in keys_of_kind:
                dtype, shape = spaces[key].dtype, spaces[key].shape
                check(key, dtype or np.dtype(object), shape or ())

    def observation(self, observation: Any) -> Observation:  # noqa: ANN401
        """Return a copy of the observation: an environment may change its own in place."""
        entries = observation if self._is_dictionary else {WHOLE: observation}
        parts = [np.asarray(entries[key])[np.newaxis] for key in self._numbers]
        key = self._keys.instruction_key
        return Observation(
            joined_numbers(parts, 1)[0],
            {camera: np.array(entries[key]) for camera, key in self._keys.cameras.items()},
            str(entries[key]) if key else self._keys.instruction,
        )


class ActionRepeat(gymnasium.Wrapper):
    """Holds each action for several simulation steps, or until the episode ends."""

    def __init__(self, environment: gymnasium.Env, config: EnvironmentConfig) -> None:
        """Repeat each action `action_repeat` times."""
        super().__init__(environment)
        self._count = config.action_repeat

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Do several simulation steps; return the largest reward, so none is lost."""
        rewards = []
        for _ in range(self._count):
            observation, reward, terminated, truncated, info = self.env.step(action)
            rewards.append(float(reward))
            if terminated or truncated:
                break
        return observation, max(rewards), terminated, truncated, info


def _remove_model_file(environment: gymnasium.Env) -> None:
    """Remove the model file that mazes leave in the temporary folder."""
    path = getattr(environment.unwrapped, 'tmp_xml_file_path', None)
    if path is not None:
        Path(path).unlink(missing_ok=True)
