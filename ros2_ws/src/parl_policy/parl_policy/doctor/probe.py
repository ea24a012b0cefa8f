# SPDX-License-Identifier: Apache-2.0
"""States to show a policy: those of an episode, or made ones."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from parl_files.episode_file import read_episode
from parl_files.error import ParlError
from parl_policy.acting.actor_file import ActorConfig
from parl_policy.observations import Observation

MADE_INSTRUCTION = 'put the cup on the rack'
OTHER_INSTRUCTION = 'close the drawer'


class ProbeError(ParlError):
    """An episode does not suit the policy."""


@dataclass(frozen=True)
class Probe:
    """A state, and what the demonstrator did there.

    Attributes:
        observation: What the robot sees.
        action: (D,) recorded action in [-1, 1]; None if the state was made.
    """

    observation: Observation
    action: np.ndarray | None = None

    def with_pictures(self, value: int) -> Observation:
        """Return the observation with every picture black (0), white (255) or grey."""
        pictures = {
            camera: np.full_like(each, value) for camera, each in self.observation.pictures.items()
        }
        return dataclasses.replace(self.observation, pictures=pictures)

    def with_instruction(self, text: str) -> Observation:
        """Return the observation with another instruction."""
        return dataclasses.replace(self.observation, instruction=text)

    def unseen(self, draws: np.random.Generator) -> Observation:
        """Return the observation with noise in its pictures, so that none was seen before."""
        pictures = {
            camera: draws.integers(0, 256, each.shape, np.uint8)
            for camera, each in self.observation.pictures.items()
        }
        return dataclasses.replace(self.observation, pictures=pictures)


def made_probe(config: ActorConfig) -> Probe:
    """Make a state of zeros, pictures of noise and an instruction."""
    numbers = np.zeros(len(config.observation_names), np.float32)
    draws = np.random.default_rng(0)
    pictures = {
        camera: draws.integers(0, 256, (*size, 3), np.uint8)
        for camera, size in config.cameras.items()
    }
    return Probe(Observation(numbers, pictures, MADE_INSTRUCTION))


def recorded_probe(config: ActorConfig, path: Path) -> Probe:
    """Read the first state of an episode and the action, or chunk of actions, that followed.

    Raises:
        EpisodeFileError: The file is damaged.
        ProbeError: It lacks numbers or cameras of the policy, or is shorter than an action.
    """
    episode = read_episode(path)
    names = list(episode.observation_names)
    lost = sorted(set(config.observation_names) - set(names))
    lost += sorted(set(config.cameras) - set(episode.films))
    horizon = config.action_spec.horizon
    if lost or len(episode) < horizon:
        raise ProbeError(
            f'{path} has {len(episode)} steps and lacks {lost or "nothing"}, but an action of '
            f'the policy takes {horizon} steps; give an episode of the same experiment'
        )
    columns = [names.index(name) for name in config.observation_names]
    pictures = {camera: next(iter(episode.films[camera])) for camera in config.cameras}
    numbers = episode.observations[0][columns]
    observation = Observation(numbers, pictures, episode.instruction)
    return Probe(observation, episode.actions[:horizon].flatten())


def generator(seed: int = 0) -> torch.Generator:
    """Make a generator on this thread's device."""
    return torch.Generator(torch.get_default_device()).manual_seed(seed)
