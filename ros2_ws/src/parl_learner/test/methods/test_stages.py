# SPDX-License-Identifier: Apache-2.0

from learning_rounds import is_same, NAMES, run_round, tensors
import pytest

from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.training.action_cache import ActionCache
from parl_learner.training.critic_trainer_config import CriticTrainerConfig


def test_stages_of_pa_rl(learning, demonstrations, practice):
    loop = LearningLoop(
        learning(policy_updates_per_step=0.5, critic_updates_per_step=2.0), NAMES, seed=0
    )
    assert loop.idle
    assert run_round(loop, demonstrations) == [
        ('imitating', 3),
        ('sampling', 1),
        ('critic', 5),
        ('finishing', 1),
    ]
    assert (loop.counters.round, loop.counters.version) == (0, 1)
    assert run_round(loop, practice) == [
        ('sampling_new', 1),
        ('distilling', 3),  # half of five steps, rounded up
        ('sampling', 1),
        ('critic', 10),
        ('finishing', 1),
    ]
    assert (loop.counters.round, loop.counters.version) == (1, 2)
    assert (loop.counters.policy_steps, loop.counters.critic_steps) == (6, 15)


def test_many_observations_are_sampled_in_several_units(
    learning, demonstrations, practice, monkeypatch
):
    """A checkpoint may come in between."""
    monkeypatch.setattr(ActionCache, 'ROWS_AT_ONCE', 4)
    loop = LearningLoop(learning(), NAMES, seed=0)
    stages = run_round(loop, demonstrations) + run_round(loop, practice)
    assert [count for name, count in stages if 'sampling' in name] == [3, 2, 5]
    candidates = loop.cache.state_dict()['candidates']
    assert len(candidates) == len(loop.replay.observations) == 12 + 7


@pytest.mark.parametrize(
    ('method', 'stages'),
    [
        ('frozen', [('finishing', 1)]),
        ('filtered_imitation', [('imitating_successes', 5), ('finishing', 1)]),
    ],
)
def test_stages_of_the_baselines(learning, demonstrations, practice, method, stages):
    loop = LearningLoop(learning(method=method), NAMES, seed=0)
    assert run_round(loop, demonstrations) == [('imitating', 3), ('finishing', 1)]
    before, critic = tensors(loop.policy), tensors(loop.critic_trainer.critic)
    assert run_round(loop, practice) == stages
    assert is_same(before, loop.policy) == (method == 'frozen')
    assert loop.policy_trainer.optimiser.param_groups[0]['lr'] == 5e-5
    assert is_same(critic, loop.critic_trainer.critic)
    assert loop.counters.version == 2


IQL = CriticTrainerConfig(algorithm='iql')


FRESH = CriticTrainerConfig(algorithm='rlpd', backup='policy')


@pytest.mark.parametrize(
    ('changes', 'samples'),
    [
        ({'method': 'imitation', 'critic_trainer': IQL}, 0),
        ({'method': 'awr', 'critic_trainer': IQL}, 0),
        ({'method': 'self_imitation', 'critic_trainer': IQL}, 0),
        ({'method': 'value_gradient'}, 1),
        ({'method': 'value_gradient', 'particle_refresh_steps': 1}, 1),
        ({'method': 'imitation', 'critic_trainer': CriticTrainerConfig(backup='policy')}, 1),
        ({'method': 'value_gradient', 'critic_trainer': FRESH, 'particle_refresh_steps': 1}, 0),
    ],
)
def test_stages_of_methods_that_learn_with_the_critic(
    learning, demonstrations, practice, changes, samples
):
    """In practice two critic updates a step and half a policy update: one in four."""
    loop = LearningLoop(
        learning(policy_updates_per_step=0.5, critic_updates_per_step=2.0, **changes), NAMES, 0
    )
    sampling = [('sampling', 1)] * samples
    assert run_round(loop, demonstrations) == [
        ('imitating', 3), *sampling, ('actor_critic', 5), ('finishing', 1)
    ]  # fmt: skip
    assert (loop.counters.policy_steps, loop.counters.critic_steps) == (3 + 5, 5)
    assert run_round(loop, practice) == [*sampling, ('actor_critic', 10), ('finishing', 1)]
    assert (loop.counters.policy_steps, loop.counters.critic_steps) == (3 + 5 + 2, 15)
    assert loop.policy_trainer.optimiser.param_groups[0]['lr'] == 5e-5


def test_filtered_imitation_without_a_success_does_nothing(learning, new_episode):
    loop = LearningLoop(learning(method='filtered_imitation'), NAMES, seed=0)
    run_round(loop, [new_episode(outcome='timeout')])
    assert run_round(loop, [new_episode('p', 'practice', 'timeout')]) == [('finishing', 1)]


def test_all_methods_begin_with_the_same_imitation(learning, demonstrations):
    policies = []
    for method in ('pa_rl', 'frozen', 'filtered_imitation'):
        loop = LearningLoop(learning(method=method), NAMES, seed=4)
        run_round(loop, demonstrations)
        policies.append(loop.policy)
    assert is_same(tensors(policies[0]), policies[1])
    assert is_same(tensors(policies[0]), policies[2])


def test_stages_without_units_are_skipped(learning, demonstrations, practice):
    loop = LearningLoop(
        learning(imitation_steps=0, offline_critic_steps=0, policy_updates_per_step=0.0),
        NAMES,
        seed=0,
    )
    assert run_round(loop, demonstrations) == [('sampling', 1), ('finishing', 1)]
    done = run_round(loop, practice)
    assert [name for name, _ in done] == ['sampling_new', 'sampling', 'critic', 'finishing']


def test_what_is_left_is_counted(learning, demonstrations, practice):
    loop = LearningLoop(learning(), NAMES, seed=0)
    loop.begin_round(demonstrations)
    left = [loop.updates_left]
    assert loop.units_left == left[0] | {'sampling': 1, 'seeing': 0}
    while not loop.idle:
        loop.advance()
        left.append(loop.updates_left)
    policy = [3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    critic = [5, 5, 5, 5, 5, 4, 3, 2, 1, 0, 0]
    assert left == [{'policy': p, 'critic': c} for p, c in zip(policy, critic, strict=True)]
    loop.begin_round(practice)
    assert loop.updates_left == {'policy': 5, 'critic': 5}
