# SPDX-License-Identifier: Apache-2.0
"""Trajectories of a practice round in one safetensors file, which is there whole or not at all."""

from collections.abc import Sequence
from pathlib import Path

import torch

from parl_files.durable_file import write_durably
from parl_files.episode import Purpose
from parl_learner.offline.data.trajectory import Trajectory
from parl_policy.acting.weights_file import load_weights, weights_to_bytes

_ARRAYS = ('observations', 'actions', 'rewards', 'terminated')


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
    episodes = [{'episode_id': t.episode_id, 'purpose': t.purpose} for t in trajectories]
    write_durably(path, weights_to_bytes(tensors, {'episodes': episodes}))


def load_trajectories(path: Path) -> list[Trajectory]:
    """Read the trajectories that `save_trajectories` wrote.

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
        )
        for index, episode in enumerate(metadata['episodes'])
    ]
