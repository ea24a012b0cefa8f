# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.replay.image_augmentation import shift_batch
from parl_learner.replay.replay import CriticSupportError, Replay
from parl_learner.training import learning_units
from parl_learner.training.action_cache import ActionCache
from parl_learner.training.critic_trainer_config import CriticTrainerConfig
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.critics.critic import CriticConfig
from parl_policy.networks.resnet_encoder import ImageConfig
from parl_policy.policy import ActionSpec

NAMES = ('a', 'b', 'c')


@pytest.fixture
def demonstrations(recorded):
    return recorded[:2]


@pytest.fixture
def practice(recorded):
    """A round of 3 + 2 control steps."""
    return recorded[2:4]


def run_stage(loop):
    """Works until another stage begins; tells which one it was and how many units it took."""
    name, units = loop.stage.name, 0
    while not loop.idle and loop.stage.name == name:
        loop.advance()
        units += 1
    return name, units


def run_round(loop, episodes):
    loop.begin_round(episodes)
    done = []
    while not loop.idle:
        done.append(run_stage(loop))
    return done


def tensors(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def is_same(before, module):
    return all(torch.equal(before[name], value) for name, value in module.state_dict().items())


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


def test_candidates_follow_a_policy_that_moves(learning, demonstrations):
    """With a refresh of 1 the rows of each batch are sampled anew from the policy as it is."""
    loop = LearningLoop(
        learning(
            method='value_gradient',
            particle_refresh_steps=1,
            critic_trainer=CriticTrainerConfig(backup='argmax', cql_actions=2),
        ),
        NAMES,
        seed=0,
    )
    loop.begin_round(demonstrations)
    while loop.stage.name != 'actor_critic':
        run_stage(loop)
    before = loop.cache.state_dict()['candidates'].clone()
    loop.advance()
    after = loop.cache.state_dict()['candidates']
    assert after.shape == before.shape
    assert (after != before).any()


@pytest.mark.parametrize(('algorithm', 'drawn'), [('rlpd', [(8, 1)]), ('cal_ql', [(8, 4)] * 2)])
def test_backups_draw_what_they_need_of_a_policy_that_moves(
    learning, demonstrations, monkeypatch, algorithm, drawn
):
    """One action of each next state for a target; k of both states for the conservative term."""
    settings = {
        'method': 'value_gradient',
        'particle_refresh_steps': 1,
        'critic_trainer': CriticTrainerConfig(algorithm=algorithm, backup='policy'),
    }
    loop = LearningLoop(learning(**settings), NAMES, seed=0)
    run_round(loop, demonstrations)
    found, sample = [], loop.policy.sample
    monkeypatch.setattr(
        loop.policy,
        'sample',
        lambda context, count, generator: (
            found.append((len(context), count)) or sample(context, count, generator)
        ),
    )
    loop.units.improve_critic(0)
    assert found == drawn


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


def test_each_stage_changes_only_its_own(learning, demonstrations, practice):
    loop = LearningLoop(learning(), NAMES, seed=0)
    changes = []
    for episodes in (demonstrations, practice):
        loop.begin_round(episodes)
        while not loop.idle:
            policy, critic = tensors(loop.policy), tensors(loop.critic_trainer.critic)
            candidates = loop.cache.state_dict()['candidates'].clone()
            name, _ = run_stage(loop)
            now = loop.cache.state_dict()['candidates']
            changes.append(
                (
                    name,
                    not is_same(policy, loop.policy),
                    not is_same(critic, loop.critic_trainer.critic),
                    not torch.equal(candidates, now[: len(candidates)]) or not len(candidates),
                )
            )
    assert changes == [
        ('imitating', True, False, True),
        ('sampling', False, False, True),
        ('critic', False, True, False),
        ('finishing', False, False, False),
        ('sampling_new', False, False, False),
        ('distilling', True, False, False),
        ('sampling', False, False, True),
        ('critic', False, True, False),
        ('finishing', False, False, False),
    ]


def test_optimisers_start_afresh_when_practice_begins(learning, demonstrations, recorded):
    loop = LearningLoop(learning(), NAMES, seed=0)
    rates = []
    for episodes in (demonstrations, recorded[2:4], recorded[4:5]):
        old = (loop.policy_trainer.optimiser, loop.critic_trainer.optimiser)
        run_round(loop, episodes)
        new = (loop.policy_trainer.optimiser, loop.critic_trainer.optimiser)
        is_new = [before is not after for before, after in zip(old, new, strict=True)]
        rates.append((loop.policy_trainer.optimiser.param_groups[0]['lr'], is_new))
    assert rates == [(3e-4, [False] * 2), (5e-5, [True] * 2), (5e-5, [False] * 2)]


@pytest.mark.parametrize(
    'changes',
    [
        {},
        {'particle_refresh_steps': 1},
        {'distillation_target': 'argmax'},
        {'critic_trainer': CriticTrainerConfig(backup='policy')},
        {'method': 'filtered_imitation'},
        {'critic_trainer': CriticTrainerConfig(algorithm='iql')},
        {'critic_trainer': CriticTrainerConfig(algorithm='rlpd')},
        {'method': 'value_gradient', 'particle_refresh_steps': 1},
    ],
)
def test_same_seed_same_versions(learning, demonstrations, practice, changes):
    files = []
    for seed in (5, 5, 6):
        loop = LearningLoop(learning(**changes), NAMES, seed=seed)
        run_round(loop, demonstrations)
        torch.rand(len(files))
        files.append(loop.version_files())
        if len(files) < 3:
            torch.manual_seed(0)
        run_round(loop, practice)
        files[-1] |= {f'{kind} 2': data for kind, data in loop.version_files().items()}
    assert set(files[0]) == {'policy', 'critic', 'policy 2', 'critic 2'}
    assert files[0] == files[1]
    assert files[0]['policy'] != files[2]['policy']


def test_particles_may_be_kept_for_some_updates(learning, demonstrations):
    """With a refresh of 2, the values of all rows change before every other update only."""
    loop = LearningLoop(learning(particle_refresh_steps=2), NAMES, seed=0)
    loop.begin_round(demonstrations)
    run_stage(loop)
    run_stage(loop)
    changed, values = [], loop.cache.state_dict()['values']
    while loop.stage.name == 'critic':
        loop.advance()
        now = loop.cache.state_dict()['values']
        changed.append(values.shape != now.shape or not torch.equal(values, now))
        values = now.clone()
    assert changed == [True, False, True, False, True]


@pytest.mark.parametrize(('smallest', 'target'), [(0.1, 'argmax'), (1e-7, 'softmax')])
def test_the_measured_spread_decides_what_is_taught(
    learning, demonstrations, practice, smallest, target
):
    loop = LearningLoop(learning(smallest_spread=smallest), NAMES, seed=0)
    run_round(loop, demonstrations)
    assert loop.counters.distillation_spread == 0.0
    loop.begin_round(practice)
    run_stage(loop)
    loop.advance()
    values = loop.cache.particles(torch.arange(len(loop.replay.observations))).values
    spread = values.std(1, correction=0).mean().item()
    assert loop.counters.distillation_spread == pytest.approx(spread)
    assert 1e-7 < spread < 0.1
    assert loop.method.distillation_target == target


def targets_taught(loop, demonstrations, practice):
    """Actions the policy is taught in the round after, with the rows of the replay they are of."""
    run_round(loop, demonstrations)
    taught = []
    loop.begin_round(practice)
    update = loop.policy_trainer.update

    def watched(observations, targets, *others):
        taught.extend(zip(observations, targets[:, 0], strict=True))
        return update(observations, targets, *others)

    loop.policy_trainer.update = watched
    while loop.stage.name != 'sampling':
        loop.advance()
    return taught


@pytest.mark.parametrize('distils_data', [True, False])
def test_the_executed_action_may_be_left_out(learning, demonstrations, practice, distils_data):
    loop = LearningLoop(
        learning(
            distil_data_action=distils_data,
            optimisation=ActionOptimisationConfig(samples=1, particles=1, gradient_steps=0),
        ),
        NAMES,
        seed=0,
    )
    for observation, action in targets_taught(loop, demonstrations, practice):
        row = (loop.replay.observations == observation).all(1).nonzero().item()
        is_data = torch.equal(action, loop.replay.row_actions[row])
        assert is_data == distils_data


def test_a_backup_with_the_policy_optimises_nothing(learning, demonstrations):
    """Targets then come from the candidates, every one as likely as the others."""
    loop = LearningLoop(
        learning(critic_trainer=CriticTrainerConfig(backup='policy')), NAMES, seed=0
    )
    run_round(loop, demonstrations)
    state = loop.cache.state_dict()
    assert len(state['actions']) == 0
    assert len(state['candidates']) == len(loop.replay.observations)
    rows = torch.tensor([3, 0])
    actions = loop.cache.policy_actions(rows)
    assert torch.equal(actions.actions, state['candidates'][rows])
    assert not actions.values.any()


def test_what_is_left_is_counted(learning, demonstrations, practice):
    loop = LearningLoop(learning(), NAMES, seed=0)
    loop.begin_round(demonstrations)
    left = [loop.updates_left]
    assert loop.units_left == left[0] | {'sampling': 1}
    while not loop.idle:
        loop.advance()
        left.append(loop.updates_left)
    policy = [3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    critic = [5, 5, 5, 5, 5, 4, 3, 2, 1, 0, 0]
    assert left == [{'policy': p, 'critic': c} for p, c in zip(policy, critic, strict=True)]
    loop.begin_round(practice)
    assert loop.updates_left == {'policy': 5, 'critic': 5}


def test_stages_without_units_are_skipped(learning, demonstrations, practice):
    loop = LearningLoop(
        learning(imitation_steps=0, offline_critic_steps=0, policy_updates_per_step=0.0),
        NAMES,
        seed=0,
    )
    assert run_round(loop, demonstrations) == [('sampling', 1), ('finishing', 1)]
    done = run_round(loop, practice)
    assert [name for name, _ in done] == ['sampling_new', 'sampling', 'critic', 'finishing']


def test_normalisation_comes_from_the_demonstrations(learning, demonstrations, practice):
    loop = LearningLoop(learning(), NAMES, seed=0)
    run_round(loop, demonstrations)
    mean = loop.replay.observations.mean(0)
    modules = (loop.policy, loop.critic_trainer.critic, loop.critic_trainer.target)
    run_round(loop, practice)
    for module in modules:
        torch.testing.assert_close(module.normaliser.mean, mean)


def test_a_round_must_be_finished_before_the_next(learning, demonstrations, practice):
    loop = LearningLoop(learning(), NAMES, seed=0)
    loop.begin_round(demonstrations)
    with pytest.raises(RuntimeError, match='round 0 is not finished'):
        loop.begin_round(practice)


def test_a_support_that_cannot_hold_the_returns_is_refused(learning, demonstrations):
    narrow = CriticConfig(members=2, hidden=(8,), support=(-50.0, 0.0))
    loop = LearningLoop(learning(critic=narrow), NAMES, seed=0)
    with pytest.raises(CriticSupportError, match=r'span \[-100\.00, 0\.00\].*critic\.support'):
        loop.begin_round(demonstrations)
    scalar = CriticConfig(members=2, hidden=(8,), support=(-50.0, 0.0), head='mse')
    LearningLoop(learning(critic=scalar), NAMES, seed=0).begin_round(demonstrations)


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'imitation_batch_size': 0}, 'imitation_batch_size must be at least 1: 0'),
        ({'particle_refresh_steps': 0}, 'particle_refresh_steps must be at least 1'),
        ({'action_horizon': 0}, 'action_horizon must be at least 1'),
        ({'mixing_ratio': 1.5}, r'mixing_ratio must lie in \[0, 1\]'),
        ({'distillation_mixing_ratio': -0.1}, r'distillation_mixing_ratio must lie in \[0, 1\]'),
        ({'discount': 1.0}, r'discount must lie in \[0, 1\)'),
        ({'imitation_steps': -1}, 'imitation_steps must be 0 or more: -1'),
        ({'critic_updates_per_step': 0.0}, 'critic_updates_per_step must be more than 0: 0.0'),
        ({'critic_trainer': CriticTrainerConfig(algorithm='rlpd', subsample=3)}, 'raise critic'),
    ],
)
def test_impossible_settings_are_refused(learning, wrong, message):
    with pytest.raises(ValueError, match=message):
        learning(**wrong)


def test_actions_of_another_robot(learning):
    spec = ActionSpec(horizon=1, dim=2)
    episode = SimpleNamespace(
        episode_id='e',
        purpose='demonstration',
        success=False,
        observations=np.zeros((3, 4), np.float32),
        actions=np.full((2, 2), 0.5, np.float32),
        rewards=np.full(2, -3.0, np.float32),
        terminated=np.zeros(2, bool),
    )
    config = learning(failure_return='recorded', discount=0.5)
    loop = LearningLoop(config, tuple('abcd'), seed=0, action_spec=spec)
    loop.begin_round([episode])
    assert loop.replay.batch(torch.arange(2)).returns.tolist() == [-4.5, -3.0]
    while not loop.idle:
        loop.advance()
    with torch.no_grad():
        actions = loop.policy.sample(loop.policy.encode(torch.zeros(1, 4)), 3, torch.Generator())
    assert actions.shape == (1, 3, 2)


def test_images_are_shifted_wherever_a_batch_is_drawn(learning, recorded, monkeypatch):
    """An observation is an image of 1 × 2 × 1 pixels and one number; every update sees a shift."""
    image = ImageConfig(shape=(1, 2, 1), widths=(4,))
    config = learning(
        critic=CriticConfig(members=1, hidden=(8,), bins=11, image=image),
        policy={'hidden': 8, 'blocks': 1, 'image': {'shape': [1, 2, 1], 'widths': [4]}},
    )
    loop, shifted = LearningLoop(config, ('image[1,2,1]', 'c'), seed=0), []

    def shift(batch, its_image, generator):
        shifted.append(its_image)
        return shift_batch(batch, its_image, generator)

    monkeypatch.setattr(learning_units, 'shift_batch', shift)
    run_round(loop, recorded[:2])
    run_round(loop, recorded[2:4])
    assert shifted == [image] * (loop.counters.policy_steps + loop.counters.critic_steps)


@pytest.mark.parametrize('ratio', [None, 0.25])
def test_distillation_has_a_mixing_ratio_of_its_own(learning, recorded, monkeypatch, ratio):
    ratios = []
    draw = Replay.draw

    def note(self, size, mixing_ratio, generator):
        ratios.append(mixing_ratio)
        return draw(self, size, mixing_ratio, generator)

    monkeypatch.setattr(Replay, 'draw', note)
    loop = LearningLoop(learning(distillation_mixing_ratio=ratio), NAMES, seed=0)
    run_round(loop, recorded[:2])
    assert set(ratios) == {0.5}
    ratios.clear()
    run_round(loop, recorded[2:4])
    assert ratios == [ratio] * 5 + [0.5] * 5
