# SPDX-License-Identifier: Apache-2.0
"""One recorded episode, checked, so that its readers need no checks of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
import json
from typing import Any

import numpy as np

from parl_files.error import ParlError
from parl_files.recording.film import Film

ACTION_SIZE = 7


class Purpose(StrEnum):
    """What an episode is played for."""

    DEMONSTRATION = 'demonstration'
    PRACTICE = 'practice'
    EVALUATION = 'evaluation'
    """Measures a policy; the learner never trains on it."""


class Outcome(StrEnum):
    """How an episode ended."""

    SUCCESS = 'success'
    TIMEOUT = 'timeout'
    FAILED = 'failed'
    ABORTED = 'aborted'
    DISCARDED = 'discarded'

    @property
    def is_played(self) -> bool:
        """Whether the episode was played to its end, not aborted by a fault or discarded."""
        return self not in (Outcome.ABORTED, Outcome.DISCARDED)


class EpisodeError(ParlError):
    """An episode breaks a rule of its format; the message names episode, field and value."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Episode:
    """N transitions with N + 1 observations; arrays are copied and read-only.

    The reward of a transition is 0 if it ends in success and -1 otherwise. Success terminates.
    Everything else that ends a recording (time-out, fault, operator) truncates.

    Raises:
        EpisodeError: A field breaks the rule that is written below it.
    """

    episode_id: str
    """Unique name, not empty."""
    purpose: Purpose
    """What it was played for; its word is accepted too."""
    outcome: Outcome
    """How it ended; its word is accepted too. 'success' exactly if the last one terminated."""
    observation_names: Sequence[str]
    """Name of every number of an observation, all different."""
    observations: np.ndarray
    """(N + 1, O) float32, the numbers of the observations, finite; units as the names say."""
    actions: np.ndarray
    """(N, 7) float32 executed actions in [-1, 1]."""
    proposed_actions: np.ndarray
    """(N, 7) float32 actions that the actor chose, before any limit; finite."""
    rewards: np.ndarray
    """(N,) float32, 0 where terminated, else -1."""
    terminated: np.ndarray
    """(N,) bool, the transition ends in success."""
    truncated: np.ndarray
    """(N,) bool, the recording ends without success; the value is bootstrapped."""
    stamps_s: np.ndarray
    """(N + 1,) float64 stamps of the observations on the node's clock [s], never decreasing."""
    verdicts: np.ndarray
    """(N + 1,) uint8 verdict (parl_msgs/Reward) on the camera frame of each observation."""
    policy_versions: Sequence[str]
    """(N + 1,) artifact that chose each action; empty for operator, script and last entry."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Task, seed, actor, versions: only what JSON can hold."""
    instruction: str = ''
    """What the robot was told to do."""
    films: Mapping[str, Film] = field(default_factory=dict)
    """The observed pictures, N + 1 of each camera, by the camera's name."""

    def __post_init__(self) -> None:
        """Convert, freeze and check every field."""
        self._set('observation_names', tuple(self.observation_names))
        self._set('policy_versions', tuple(self.policy_versions))
        self._check_words()
        for name, dtype in _DTYPES.items():
            self._set(name, self._frozen_array(name, dtype))
        self._check_shapes()
        self._check_observations()
        self._check_actions()
        self._check_ending()
        self._check_metadata()

    def __len__(self) -> int:
        """Count the transitions N."""
        return len(self.actions)

    @property
    def success(self) -> bool:
        """Whether the outcome is success."""
        return self.outcome == Outcome.SUCCESS

    @property
    def trainable(self) -> bool:
        """Whether the learner may use it: played to its end, and not an evaluation."""
        return self.purpose != Purpose.EVALUATION and self.outcome.is_played

    @property
    def interventions(self) -> np.ndarray:
        """(N,) bool, the operator took over from the policy and chose this action.

        The policy node names the actor of each episode: an outside service, or '' for the policy,
        whose own steps carry its version.
        """
        is_policys = self.metadata.get('actor') == ''
        return np.array([is_policys and not version for version in self.policy_versions[:-1]])

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _error(self, text: str) -> EpisodeError:
        return EpisodeError(f'episode {self.episode_id!r}: {text}')

    def _frozen_array(self, name: str, dtype: type) -> np.ndarray:
        try:
            array: np.ndarray = np.array(getattr(self, name), dtype=dtype)
        except (TypeError, ValueError) as error:
            raise self._error(f'{name} is not an array of numbers: {error}') from error
        array.setflags(write=False)
        return array

    def _check_words(self) -> None:
        if not self.episode_id:
            raise self._error('episode_id is empty; give every episode a unique id')
        for name, words in (('purpose', Purpose), ('outcome', Outcome)):
            word = getattr(self, name)
            if word not in list(words):
                raise self._error(f'{name} {word!r}; use one of {[str(known) for known in words]}')
            self._set(name, words(word))
        if len(set(self.observation_names)) != len(self.observation_names):
            raise self._error(
                f'observation_names {self.observation_names} repeat a name; give each its own'
            )

    def _check_shapes(self) -> None:
        count = len(self.rewards) if self.rewards.ndim == 1 else 0
        if count == 0:
            raise self._error(
                f'rewards have shape {self.rewards.shape}; an episode has one '
                f'reward for each of at least 1 transition'
            )
        wanted = {
            'observations': (count + 1, len(self.observation_names)),
            'actions': (count, ACTION_SIZE),
            'proposed_actions': (count, ACTION_SIZE),
            'terminated': (count,),
            'truncated': (count,),
            'stamps_s': (count + 1,),
            'verdicts': (count + 1,),
        }
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise self._error(
                    f'{name} has shape {getattr(self, name).shape}, expected '
                    f'{shape} for {count} transitions'
                )
        if len(self.policy_versions) != count + 1:
            raise self._error(
                f'policy_versions has {len(self.policy_versions)} entries, expected {count + 1}'
            )
        for camera, film in self.films.items():
            if len(film) != count + 1 or not np.isfinite(film.stamps_s).all():
                raise self._error(
                    f'the film of {camera!r} has {len(film)} pictures at {film.stamps_s}; '
                    f'expected {count + 1}, one for each observation, with finite stamps'
                )

    def _check_observations(self) -> None:
        bad = np.argwhere(~np.isfinite(self.observations))
        if len(bad):
            step, entry = bad[0]
            raise self._error(
                f'observation {step}, entry {entry} ({self.observation_names[entry]}) is '
                f'{self.observations[step, entry]}; check the sensor and drop the episode'
            )
        if not np.isfinite(self.stamps_s).all() or (self.stamps_s < 0).any():
            raise self._error('stamps_s must be finite and not negative; check the clock')
        backwards = np.flatnonzero(np.diff(self.stamps_s) < 0)
        if len(backwards):
            step = int(backwards[0]) + 1
            raise self._error(
                f'stamps_s goes back at observation {step}: '
                f'{self.stamps_s[step - 1]} to {self.stamps_s[step]} s; the clock '
                f'was restarted, drop the episode'
            )

    def _check_actions(self) -> None:
        for name, limit in (('actions', 1.0), ('proposed_actions', np.inf)):
            array = getattr(self, name)
            bad = np.argwhere(~np.isfinite(array) | (np.abs(array) > limit))
            if len(bad):
                step, entry = bad[0]
                raise self._error(
                    f'{name}[{step}, {entry}] is {array[step, entry]}; must be finite'
                    + (' and in [-1, 1]: normalise and clip it' if name == 'actions' else '')
                )

    def _check_ending(self) -> None:
        ends = self.terminated.astype(int) + self.truncated
        if ends[:-1].any() or ends[-1] != 1:
            raise self._error(
                'exactly the last transition must end the episode, by terminated '
                f'or truncated; ends counted per transition: {ends.tolist()}'
            )
        if self.terminated[-1] != self.success:
            raise self._error(
                f'outcome {str(self.outcome)!r} with terminated={self.terminated[-1]}; '
                f'success terminates and everything else truncates'
            )
        wanted = np.where(self.terminated, 0.0, -1.0)
        bad = np.flatnonzero(self.rewards != wanted)
        if len(bad):
            raise self._error(
                f'rewards[{bad[0]}] is {self.rewards[bad[0]]}, expected '
                f'{wanted[bad[0]]}: 0 where terminated, -1 elsewhere'
            )

    def _check_metadata(self) -> None:
        try:
            json.dumps(dict(self.metadata), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise self._error(f'metadata: {error}; use only what JSON can hold') from error


_DTYPES: dict[str, type] = {
    'observations': np.float32,
    'actions': np.float32,
    'proposed_actions': np.float32,
    'rewards': np.float32,
    'terminated': np.bool_,
    'truncated': np.bool_,
    'stamps_s': np.float64,
    'verdicts': np.uint8,
}
