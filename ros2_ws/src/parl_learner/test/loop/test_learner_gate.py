# SPDX-License-Identifier: Apache-2.0
"""The learner behind the evaluation gate: it goes on with the policy of the kept version."""

import pytest
from small_learner import CheckpointAfterEveryUnit, new_learner, versions, work_off
import torch

from parl_files.artifact_store import ArtifactStore
from parl_files.episode import EpisodeError
from parl_files.episode_file import episode_to_bytes
from parl_learner.loop.learner import PolicyMissingError
from parl_learner.training.action_cache import ActionCache
from parl_policy.acting.weights_file import load_weights

DPPO = {
    'method': 'dppo',
    'policy': {'hidden': 8, 'blocks': 1, 'ema_rate': 1.0, 'least_std': 0.1},
}


@pytest.fixture
def gate(new_episode):
    """Makes the gate episodes of a version, of which so many succeed."""

    def play(version, successes, of=2):
        return [
            new_episode(
                f'gate-{version:04d}-{index:04d}',
                'evaluation',
                'success' if index < successes else 'timeout',
                seed=100 * version + index,
            )
            for index in range(of)
        ]

    return play


@pytest.fixture
def config(experiment, learning):
    return lambda **changes: experiment(gate_episodes=2, learning=learning(**changes))


def weights(store, kind, version):
    (name,) = [record.name for record in store.list(kind) if record.version == version]
    return load_weights(store.path(name))[0]


def assert_equal(module, expected):
    found = module.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def begin_round_2(config, store, put, recorded, gate):
    """Learns two versions, and begins the round after them."""
    put(*recorded[:4])
    learner = new_learner(config, store)
    work_off(learner)
    put(*recorded[:5], *gate)
    learner.take_in_episodes()
    assert learner.loop.counters.round == 2
    return learner


def test_after_a_worse_version_the_policy_is_the_old_one(config, store, put, recorded, gate):
    put(*gate(1, 2))
    learner = begin_round_2(config(), store, put, recorded, [*gate(1, 2), *gate(2, 1)])
    loop = learner.loop
    assert_equal(loop.policy, weights(store, 'policy', 1))
    assert_equal(loop.critic_trainer.critic, weights(store, 'critic', 2))
    assert not loop.policy_trainer.optimiser.state, 'the moments are those of the rejected version'
    rate = learner.config.learning.policy_trainer.distillation_learning_rate
    assert loop.policy_trainer.optimiser.param_groups[0]['lr'] == rate
    assert len(loop.cache.state_dict()['candidates']) == 0, 'samples of the rejected version'
    work_off(learner)
    assert learner.version == 3
    assert {record.version for record in store.list('policy')} == {1, 2, 3}


@pytest.mark.parametrize('successes', [1, 2])
def test_a_version_that_is_not_worse_goes_on(config, store, put, recorded, gate, successes):
    put(*gate(1, 1))
    both = [*gate(1, 1), *gate(2, successes)]
    loop = begin_round_2(config(), store, put, recorded, both).loop
    assert_equal(loop.policy, weights(store, 'policy', 2))
    assert loop.policy_trainer.optimiser.state


def test_a_round_waits_for_the_gate(config, store, put, recorded, gate):
    """Files of a gate may come later than those of the practice after it."""
    put(*recorded)
    learner = new_learner(config(), store)
    work_off(learner)
    assert learner.version == 1
    for version, before in ((1, []), (2, gate(1, 2)), (3, gate(1, 2) + gate(2, 1))):
        put(*recorded, *before, *gate(version, 1)[:1])
        assert not learner.take_in_episodes()
        assert learner.version == version
        put(*recorded, *before, *gate(version, 2 if version == 1 else 1))
        work_off(learner)
    assert learner.version == 4


@pytest.mark.parametrize(
    'changes', [{}, {'practice_order': 'critic_first'}, {'method': 'filtered_imitation'}], ids=str
)
def test_killed_after_every_unit_it_ends_bit_identical(
    config, put, recorded, gate, store, tmp_path, monkeypatch, changes
):
    """Versions 2 and 3 are worse, so that two rounds in a row begin with version 1."""
    monkeypatch.setattr(ActionCache, 'ROWS_AT_ONCE', 8)  # the replay is several blocks
    episodes = [*recorded, *gate(1, 2), *gate(2, 1), *gate(3, 0)]
    undisturbed = ArtifactStore(tmp_path / 'undisturbed')
    for index, episode in enumerate(episodes):
        undisturbed.put('episode', index, episode_to_bytes(episode), 'mcap')
    units = work_off(new_learner(config(**changes), undisturbed))
    put(*recorded[:4], *gate(1, 2))
    units -= work_off(new_learner(config(**changes), store))
    put(*episodes)
    for kills in range(100):
        torch.manual_seed(kills)  # another process begins with other random numbers
        learner = new_learner(config(**changes), store, CheckpointAfterEveryUnit)
        if not learner.take_in_episodes():
            break
        assert learner.loop.counters.is_put_back
        learner.work()
    assert kills == units
    assert versions(store) == versions(undisturbed)


def test_dppo_learns_from_episodes_of_the_version_that_was_put_back(
    config, store, put, recorded, gate, played
):
    """It draws the actions of a round again, which only the policy that played can."""
    put(*recorded[:2])
    learner = new_learner(config(**DPPO), store)
    work_off(learner)
    first = [played(learner.loop.policy, f'practice-000{i}', seed=i) for i in range(3)]
    put(*recorded[:2], *first[:2], *gate(1, 2))
    work_off(learner)
    put(*recorded[:2], *first, *gate(1, 2), *gate(2, 1))
    work_off(learner)
    assert learner.version == 3
    newest = played(learner.loop.policy, 'practice-0003')
    put(*recorded[:2], *first, newest, *gate(1, 2), *gate(2, 1), *gate(3, 1))
    with pytest.raises(EpisodeError, match='another version acted'):
        work_off(learner)


def test_a_kept_version_that_is_gone_is_named(config, store, put, recorded, gate):
    put(*recorded[:4], *gate(1, 2))
    learner = new_learner(config(), store)
    work_off(learner)
    store.path(store.list('policy')[0].name).unlink()
    put(*recorded, *gate(1, 2), *gate(2, 1))
    words = r'policy version 1, with which practice goes on, is missing.*learner\.checkpoint: then'
    with pytest.raises(PolicyMissingError, match=words):
        learner.take_in_episodes()
