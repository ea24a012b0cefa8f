# SPDX-License-Identifier: Apache-2.0
"""Trajectories of a practice round in one safetensors file, which is there whole or not at all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open
import torch

from parl_files.durable_file import write_durably
from parl_files.episode import Purpose
from parl_learner.offline.data.trajectory import Trajectory
from parl_policy.acting.weights_file import load_weights, weights_to_bytes
from parl_policy.observations import Size

_ARRAYS = ('observations', 'actions', 'rewards', 'terminated')
_FILMS = 'films/'
"""Prefix of a camera's name."""


@dataclass(frozen=True, eq=False)
class SavedFilm:
    """Pictures in a file of trajectories; iterating reads one after the other."""

    path: Path
    name: str
    """Of the tensor (N, height, width, 3) uint8."""
    size: Size
    """(height, width) [px]."""
    count: int

    def __len__(self) -> int:
        """Return the number of pictures N."""
        return self.count

    def __iter__(self) -> Iterator[np.ndarray]:
        """Read the pictures (height, width, 3)."""
        with safe_open(self.path, framework='np') as file:
            pictures = file.get_slice(self.name)
            for row in range(self.count):
                yield pictures[row]


def save_trajectories(path: Path, trajectories: Sequence[Trajectory]) -> None:
    """Write trajectories, so that the file is there whole or not at all.

    Raises:
        DurableWriteError: For example, the disk is full.
        WeightsNotFiniteError: An observation is NaN, because the simulation diverged.
    """
    tensors = {
        f'{index}/{name}': torch.from_numpy(getattr(trajectory, name).copy())
        for index, trajectory in enumerate(trajectories)
        for name in _ARRAYS
    }
    episodes = []
    for index, trajectory in enumerate(trajectories):
        episode = {'episode_id': trajectory.episode_id, 'purpose': trajectory.purpose}
        if trajectory.instruction:
            episode['instruction'] = trajectory.instruction
        episodes.append(episode)
        for camera, film in trajectory.films.items():
            tensors[f'{index}/{_FILMS}{camera}'] = torch.from_numpy(np.stack(list(film)))
    write_durably(path, weights_to_bytes(tensors, {'episodes': episodes}))


def load_trajectories(path: Path) -> list[Trajectory]:
    """Read the trajectories that `save_trajectories` wrote; pictures stay in the file.

    Raises:
        WeightsFileError: The file is missing or damaged.
    """
    tensors, metadata = load_weights(path)
    return [
        Trajectory(
            episode_id=episode['episode_id'],
            purpose=Purpose(episode['purpose']),
            observations=tensors[f'{index}/observations'].numpy(),
            actions=tensors[f'{index}/actions'].numpy(),
            rewards=tensors[f'{index}/rewards'].numpy(),
            terminated=tensors[f'{index}/terminated'].numpy(),
            films=_films(path, f'{index}/{_FILMS}', tensors),
            instruction=episode.get('instruction', ''),
        )
        for index, episode in enumerate(metadata['episodes'])
    ]


def _films(path: Path, prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, SavedFilm]:
    return {
        name.removeprefix(prefix): SavedFilm(
            path, name, (pictures.shape[1], pictures.shape[2]), len(pictures)
        )
        for name, pictures in tensors.items()
        if name.startswith(prefix)
    }
