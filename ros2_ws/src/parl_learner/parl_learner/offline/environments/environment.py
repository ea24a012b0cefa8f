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
from parl_learner.offline.data.flat_observation import flat_observations
from parl_learner.offline.environments.d4rl_kitchen import D4RLKitchen


@dataclass(frozen=True, kw_only=True)
class EnvironmentConfig:
    """The environment, and the way in which its observations become one vector."""

    id: str
    """Name for `gymnasium.make`."""
    package: str = ''
    """Package that is imported first to register its environments, such as gymnasium_robotics."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Arguments for `gymnasium.make`."""
    reset_options: Mapping[str, Any] = field(default_factory=dict)
    """Options for every `reset`, such as the start and goal cells of a maze."""
    observation_keys: tuple[str, ...] = ()
    """Entries of dictionary observations, in the order of the vector; empty for plain ones.

    An image (height, width, channels) must be the first entry; see `flat_observations`.
    """
    layout: Literal['plain', 'd4rl_kitchen'] = 'plain'
    """'d4rl_kitchen' converts FrankaKitchen's observations and rewards to those of D4RL."""
    max_steps: int
    """Control steps after which an episode times out."""
    action_repeat: int = 1
    """Simulation steps that one action lasts."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
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
        """Make an environment with observations (O,) float32 and actions (D,) in [-1, 1].

        It never ends an episode by a time-out; `play` does, after `max_steps`.

        Raises:
            ConfigError: It is not installed or not known, or its actions are not vectors.
            ValueError: Its observations cannot be vectors.
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
        environment = FlatObservation(environment, self.observation_keys)
        space = environment.action_space
        if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1:
            raise ConfigError(f'{self.id} takes actions {space}; expected a vector (Box)')
        if not (np.all(space.low == -1.0) and np.all(space.high == 1.0)):
            environment = RescaleAction(environment, np.float32(-1.0), np.float32(1.0))
        return environment if self.action_repeat == 1 else ActionRepeat(environment, self)


class FlatObservation(gymnasium.ObservationWrapper):
    """Joins the entries of observations into one float32 vector, pixels first."""

    def __init__(self, environment: gymnasium.Env, keys: tuple[str, ...]) -> None:
        """Join the entries `keys`; no keys for an environment with plain observations."""
        super().__init__(environment)
        self._keys = keys
        space = environment.observation_space
        spaces = dict(space) if isinstance(space, gymnasium.spaces.Dict) else {'': space}
        wanted = keys or ('',)
        if not set(wanted) <= set(spaces):
            raise ValueError(
                f'environment.observation_keys is {list(keys)}, but observations are {space}; '
                'name the entries to join, or none if observations are not a dictionary'
            )
        parts = [np.zeros((1, *(spaces[key].shape or ())), spaces[key].dtype) for key in wanted]
        width = flat_observations(parts)[0].shape[1]
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (width,), np.float32)

    def observation(self, observation: Any) -> np.ndarray:  # noqa: ANN401
        """Return the observation as a vector (O,) float32, a copy."""
        parts = [observation[key] for key in self._keys] if self._keys else [observation]
        return flat_observations([np.asarray(part)[np.newaxis] for part in parts])[0][0]


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
