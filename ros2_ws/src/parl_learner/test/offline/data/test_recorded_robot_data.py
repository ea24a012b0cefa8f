# SPDX-License-Identifier: Apache-2.0
"""Four human kitchen demonstrations and 25 WidowX snippets, as recorded."""

import dataclasses

import numpy as np
import pytest
import torch

from parl_learner.offline.data.dataset import DatasetConfig, to_trajectories
from parl_learner.offline.data.dataset_check import DatasetCheck
from parl_learner.offline.data.observation_check import doubts
from parl_learner.offline.data.reward_convention import RewardConvention
from parl_learner.offline.data.tfrecord import TFRecordError
from parl_learner.offline.data.tfrecord_data import BRIDGE_LIMITS
from parl_policy.episode.action_space import apply_action, Target
from parl_policy.observations import ObservationNeeds, PictureConfig

KITCHEN = DatasetConfig(
    file='kitchen-complete-v0_0.tfrecord', format='kitchen_tfrecord', terminals='reward'
)
BRIDGE = DatasetConfig(file='bridge_snippets.tfrecord', format='bridge_tfrecord')
FOUR_TASKS = RewardConvention(success_reward=4.0, bias=-4.0)


def test_kitchen_demonstrations(data_folder):
    episodes = KITCHEN.read(data_folder)
    assert [len(e) for e in episodes] == [183, 184, 190, 194]
    for episode in episodes:
        assert episode.observations.shape[1] == 60
        assert episode.actions.shape[1] == 9
        assert (np.diff(episode.rewards) >= 0).all()  # a running count
        assert episode.rewards[-1] == 4.0
        np.testing.assert_array_equal(np.ptp(episode.observations[:, 30:], axis=0), 0.0)
    check = DatasetCheck(
        dataset=KITCHEN,
        convention=FOUR_TASKS,
        discount=0.99,
        failure_return='recorded',
        support=(-400.0, 0.0),
        needs_success=True,
        practises=True,
    )
    assert check.findings(episodes) == []


def test_bridge_snippets(data_folder):
    episodes = BRIDGE.read(data_folder)
    assert [len(e) for e in episodes] == [9] * 25
    grippers = np.concatenate([e.actions[:, 6] for e in episodes])
    assert (np.abs(grippers) <= 1.0).all()
    assert (np.abs(grippers) == 1.0).mean() > 0.9  # the rest are on the way
    moves = np.concatenate([e.next_observations - e.observations for e in episodes])[:, :3]
    actions = np.concatenate([e.actions for e in episodes])[:, :3] * BRIDGE_LIMITS[:3]
    for axis in range(3):
        assert np.corrcoef(moves[:, axis], actions[:, axis])[0, 1] > 0.8


def test_bridge_snippets_have_pictures_and_instructions(data_folder):
    cameras = {'over_shoulder': 'image_0', 'wrist': 'image_3'}
    episodes = dataclasses.replace(BRIDGE, cameras=cameras).read(data_folder)
    assert {episode.films['over_shoulder'].size for episode in episodes} == {(64, 64)}
    assert len({episode.instruction for episode in episodes}) == 4
    assert episodes[0].instruction == 'flip pot upright which is in sink'
    by_their_names = BRIDGE.read(data_folder)
    assert sorted(by_their_names[0].films) == [f'image_{number}' for number in range(4)]
    pictures = list(episodes[0].films['over_shoulder'])
    assert len(pictures) == len(episodes[0]) + 1
    assert all(picture.std() > 10.0 for picture in pictures)
    needs = {
        'policy': ObservationNeeds({camera: PictureConfig(size=(64, 64)) for camera in cameras})
    }
    (note,) = doubts(episodes, needs)  # these robots had no camera at the wrist
    assert "the first picture of 'wrist' has one colour alone in 25 of 25 episodes" in note


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            {'cameras': {'front': 'image_9'}},
            r"'image_9' in `cameras` is missing; pictures are in .*'image_1'",
        ),
        ({'cameras': {'front': 'state'}}, "'state' in `cameras` is an array of 70 numbers"),
        ({'instruction_key': 'state'}, r"'state' in dataset\.instruction_key is no text"),
    ],
)
def test_entries_of_another_kind_are_refused(data_folder, changes, message):
    with pytest.raises(TFRecordError, match=message):
        dataclasses.replace(BRIDGE, **changes).read(data_folder)


def test_replaying_bridge_commands_ends_where_the_arm_ended(data_folder):
    """Commands add to the last target; the arm lags behind it by about one step."""
    errors, distances = [], []
    for episode in BRIDGE.read(data_folder):
        start, end = episode.observations[0, :3], episode.next_observations[-1, :3]
        target = Target(start.astype(float), np.eye(3), 1.0)
        for action in episode.actions:
            target = apply_action(target, action)
        errors.append(np.linalg.norm(target.position - end))
        distances.append(np.linalg.norm(end - start))
    assert np.median(errors) < 0.02  # [m]
    assert np.median(errors) < 0.5 * np.median(distances)


@pytest.mark.parametrize(('dataset', 'convention'), [(KITCHEN, FOUR_TASKS), (BRIDGE, None)])
def test_learning_from_it(data_folder, learning, dataset, convention):
    from parl_learner.loop.learning_loop import LearningLoop
    from parl_policy.critics.critic import CriticConfig
    from parl_policy.policy import ActionSpec

    episodes = dataset.read(data_folder)
    trajectories = to_trajectories(episodes, convention or RewardConvention())
    config = learning(
        imitation_steps=150,
        imitation_batch_size=64,
        critic=CriticConfig(members=2, hidden=(16, 16), bins=21, support=(-400.0, 0.0)),
        policy={'hidden': 32, 'blocks': 1, 'ema_rate': 0.05},
        particle_refresh_steps=5,
    )
    _, width = trajectories[0].observations.shape
    spec = ActionSpec(horizon=1, dim=trajectories[0].actions.shape[1])
    loop = LearningLoop(config, [f'o{i}' for i in range(width)], seed=0, action_spec=spec)
    loop.begin_round(trajectories)
    losses = []
    while not loop.idle:
        loop.advance()
        losses.append(loop.units.policy_loss)
    assert np.mean(losses[100:150]) < 0.8 * np.mean(losses[:10])
    assert loop.counters.critic_steps == config.offline_critic_steps
    assert torch.isfinite(torch.tensor(loop.units.critic_metrics.loss))
