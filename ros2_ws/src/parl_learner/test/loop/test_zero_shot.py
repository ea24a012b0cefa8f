# SPDX-License-Identifier: Apache-2.0
"""The learner of an experiment whose first episodes are the policy's own."""

import dataclasses

import pytest
from small_learner import CheckpointAfterEveryUnit, new_learner, versions, work_off
import torch
from zero_shot import CAMERAS, NAMES, SEEN, zero_shot_experiment

from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.ros.message_conversion import to_status
from parl_policy.acting.actor_file import load_actor


@pytest.fixture
def config():
    return zero_shot_experiment()


@pytest.fixture
def first_episodes(new_episode):
    return [new_episode(f'zero-shot-{i:04d}', seed=i, **SEEN) for i in range(2)]


def same_weights(policy, other):
    found, expected = policy.state_dict(), other.state_dict()
    assert found.keys() == expected.keys()
    return all(torch.equal(found[name], expected[name]) for name in found)


def test_version_0_is_there_before_any_episode(config, store, tmp_path):
    announced = []
    learner = new_learner(config, store, announced=announced)
    assert learner.version == -1
    assert not learner.take_in_episodes()
    assert learner.version == 0
    assert [(record.kind, record.version) for record in announced] == [('policy', 0)]
    actor, made, version = load_actor(store.path(announced[0].name), None)
    assert (version, made.observation_names, dict(made.cameras)) == (0, NAMES, CAMERAS)
    loop = LearningLoop(config.learning, NAMES, config.seed, cameras=CAMERAS, folder=tmp_path)
    assert same_weights(actor.policy, loop.policy)
    assert not learner.take_in_episodes()
    assert len(announced) == 1, 'it is made once'


def test_the_seed_decides_what_version_0_is(config, store):
    for seed in (3, 4):
        new_learner(dataclasses.replace(config, seed=seed), store).take_in_episodes()
    assert len(versions(store)) == 2


def test_other_experiments_have_no_version_0(experiment, store):
    learner = new_learner(experiment(), store)
    learner.take_in_episodes()
    assert learner.version == 0
    assert versions(store) == []


def test_killed_before_the_first_episode_it_makes_the_same_version_0(
    config, store, put, first_episodes
):
    new_learner(config, store).take_in_episodes()
    before = versions(store)
    torch.manual_seed(99)  # another process begins with other random numbers
    put(first_episodes[0])
    announced = []
    learner = new_learner(config, store, announced=announced)
    assert not learner.take_in_episodes()
    assert versions(store) == before == [record.name for record in announced]
    put(*first_episodes)
    work_off(learner)
    assert learner.version == 1


def test_the_critic_learns_from_the_first_episodes_and_the_policy_goes_on_unchanged(
    config, store, put, first_episodes
):
    learner = new_learner(config, store)
    learner.take_in_episodes()
    put(*first_episodes)
    work_off(learner)
    assert (learner.loop.counters.policy_steps, learner.loop.counters.critic_steps) == (0, 5)
    zero, one = (load_actor(store.path(r.name), None)[0].policy for r in store.list('policy'))
    assert same_weights(zero.network, one.network)
    seen = learner.loop.replay.observations
    expected = one.state_dict()
    zero.fit_normalisation(seen)
    assert all(torch.equal(expected[k], v) for k, v in zero.state_dict().items())


def test_version_0_is_not_made_again_once_it_was_learned_from(config, store, put, first_episodes):
    put(*first_episodes)
    learner = new_learner(config, store, CheckpointAfterEveryUnit)
    learner.take_in_episodes()
    learner.work()
    announced = []
    again = new_learner(config, store, announced=announced)
    assert again.version == 0
    work_off(again)
    assert [record.version for record in announced] == [1, 1]
    finished = new_learner(config, store)
    assert to_status(finished, '').policy_version == 0, 'it is not known to be stored yet'
    finished.take_in_episodes()
    assert to_status(finished, '').policy_version == 1
