# SPDX-License-Identifier: Apache-2.0
"""Runs whose policy and critic see pictures, from a file that stays on disk and by practice."""

import dataclasses
import tracemalloc

import h5py
import numpy as np
import pytest
import torch

from parl_files.config_file import from_mapping
from parl_learner.offline.data.dataset import DatasetConfig
from parl_learner.offline.data.dataset_check import DatasetError
from parl_learner.offline.environments.environment import EnvironmentConfig
from parl_learner.offline.run.train import checked_data
from parl_learner.offline.run.training_config import TrainingConfig
from parl_learner.offline.run.training_run import TrainingRun
from parl_policy.acting.actor_file import load_actor
from parl_policy.critics.critic import CriticConfig
from parl_policy.observations import ObservationNeeds, PictureConfig

VISION = {'pictures': {'front': {'size': [16, 16]}}, 'encoder': {'widths': [4]}}
KEYS = {'observation_keys': ('place',), 'cameras': {'front': 'picture'}, 'instruction': 'go right'}
EPISODES, STEPS = 6, 5


@pytest.fixture(scope='module')
def config(learning):
    critic = {'members': 2, 'hidden': [8, 8], 'bins': 11, 'vision': VISION}
    return TrainingConfig(
        name='lane',
        dataset=DatasetConfig(file='lane.hdf5', format='minari', **KEYS),
        environment=EnvironmentConfig(id='Lane-v0', max_steps=4, **KEYS),
        learning=learning(
            discount=0.9,
            imitation_steps=2,
            offline_critic_steps=2,
            policy={'hidden': 8, 'blocks': 1, 'vision': VISION},
            critic=from_mapping(CriticConfig, critic, 'critic'),
        ),
        practice_episodes=2,
        warm_up_episodes=1,
        evaluation_episodes=1,
        parallel_environments=1,
    )


@pytest.fixture(scope='module')
def data_folder(tmp_path_factory):
    """A folder with `EPISODES` walks of `STEPS` steps, half of which succeed."""
    folder = tmp_path_factory.mktemp('lane')
    draws = np.random.default_rng(0)
    with h5py.File(folder / 'lane.hdf5', 'w') as file:
        for number in range(EPISODES):
            last = np.arange(STEPS) == STEPS - 1
            success = last & (number % 2 == 0)
            group = file.create_group(f'episode_{number}')
            group['observations/place'] = draws.normal(size=(STEPS + 1, 2))
            pictures = draws.integers(256, size=(STEPS + 1, 16, 24, 3), dtype=np.uint8)
            group['observations/picture'] = pictures
            group['actions'] = draws.uniform(-0.9, 0.9, (STEPS, 1))
            group['rewards'] = success.astype(float)
            group['terminations'] = success
            group['truncations'] = last & ~success
    return folder


def weights(run):
    modules = (run.loop.critic_trainer.critic, run.loop.policy)
    return torch.cat([t.flatten().float() for m in modules for t in m.state_dict().values()])


class KilledError(Exception):
    pass


@pytest.mark.parametrize('units', [2, 7, 11])
def test_a_run_with_pictures_practises_and_continues(config, data_folder, tmp_path, units):
    data = checked_data(config, data_folder)
    whole = TrainingRun(config, data, tmp_path / 'whole', lambda _: None)
    expected = whole.run()
    assert whole.loop.counters.policy_steps > 2  # it was taught after practice too
    assert len(expected.evaluations) == 4

    class Dying(TrainingRun):
        CHECKPOINT_EVERY_S = 0.0
        left = units

        def _work(self):
            if self.left == 0:
                raise KilledError
            self.left -= 1
            super()._work()

    with pytest.raises(KilledError):
        Dying(config, data, tmp_path / 'killed', lambda _: None).run()
    resumed = TrainingRun(
        config, checked_data(config, data_folder), tmp_path / 'killed', lambda _: None
    )
    assert resumed.run().evaluations == expected.evaluations
    torch.testing.assert_close(weights(resumed), weights(whole), rtol=0.0, atol=0.0)


def test_a_version_says_what_it_sees(config, data_folder, tmp_path):
    offline = dataclasses.replace(config, environment=None, practice_episodes=0)
    data = checked_data(offline, data_folder)
    TrainingRun(offline, data, tmp_path, lambda _: None).run()
    policy, critic = (next((tmp_path / 'artifacts').glob(f'{k}*')) for k in ('policy', 'critic'))
    actor, stored, _ = load_actor(policy, critic)
    assert stored.cameras == {'front': (16, 24)}
    assert list(actor.critic_needs.pictures) == ['front']


def test_the_check_says_what_is_there_and_drops_what_nobody_sees(config, data_folder, capsys):
    two = dict(KEYS, cameras={'front': 'picture', 'copy': 'picture'})
    named_twice = dataclasses.replace(config.dataset, **two)
    config = dataclasses.replace(config, dataset=named_twice)
    data = checked_data(config, data_folder)
    assert {tuple(t.films) for t in data} == {('front',)}
    printed = capsys.readouterr().out
    assert 'front, 16 × 24 px, seen by policy and critic; copy, 16 × 24 px, seen by n' in printed
    assert '1 different, 0 episodes without; read by nobody' in printed


def test_what_is_lacking_is_said_before_training(config, data_folder, capsys, monkeypatch):
    reads = ObservationNeeds({'front': PictureConfig(size=(16, 16))}, instruction=True)
    monkeypatch.setattr(TrainingConfig, 'needs', {'policy': reads})
    untold = dataclasses.replace(config.dataset, instruction='')
    checked_data(dataclasses.replace(config, dataset=untold), data_folder)
    printed = capsys.readouterr().out
    assert printed.count('note: 6 of 6 episodes have no instruction') == 1
    assert printed.index('note: ') < printed.index('the data fits')
    side = dataclasses.replace(config.dataset, cameras={'side': 'picture'})
    with pytest.raises(DatasetError, match=r"sees the camera 'front', but .* \['side'\]"):
        checked_data(dataclasses.replace(config, dataset=side), data_folder)
    large = ObservationNeeds({'front': PictureConfig(size=(32, 32))})
    monkeypatch.setattr(TrainingConfig, 'needs', {'critic': large})
    with pytest.raises(DatasetError, match=r'the critic sees .* record larger pictures'):
        checked_data(config, data_folder)


def test_pictures_stay_on_disk(config, tmp_path):
    """20 episodes of 50 steps of 100 × 100 pixels are 30 MB as bytes, 120 MB as float32."""
    episodes, steps = 20, 50
    count = episodes * steps
    last = np.arange(count) % steps == steps - 1
    draws = np.random.default_rng(0)
    with h5py.File(tmp_path / 'data.hdf5', 'w') as file:
        pictures = file.create_dataset('observations', (count, 100, 100, 3), np.uint8)
        for row in range(count):
            pictures[row] = draws.integers(256, size=(100, 100, 3), dtype=np.uint8)
        file['actions'] = draws.uniform(-0.9, 0.9, (count, 1))
        file['rewards'] = last.astype(float)
        file['terminals'] = last
    dataset = DatasetConfig(file='data.hdf5', format='d4rl', cameras={'front': 'observations'})
    config = dataclasses.replace(config, dataset=dataset, environment=None, practice_episodes=0)
    tracemalloc.start()
    run = TrainingRun(config, checked_data(config, tmp_path), tmp_path / 'run', lambda _: None)
    run.run()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(run.loop.replay.observations) == count + episodes
    assert most < 10e6  # [B] of Python's and NumPy's memory, where pictures come first
