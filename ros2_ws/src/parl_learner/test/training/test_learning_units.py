# SPDX-License-Identifier: Apache-2.0

from learning_rounds import NAMES, run_round, run_stage
import pytest
import torch

from parl_files.config_file import from_mapping
from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.replay.batch_augmentation import augment_states
from parl_learner.replay.replay import Replay
from parl_learner.training import learning_units
from parl_learner.training.critic_trainer_config import CriticTrainerConfig
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.critics.critic import CriticConfig
from parl_policy.networks.observation_encoder import VisionConfig

FRESH = CriticTrainerConfig(algorithm='rlpd', backup='policy')


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


@pytest.mark.parametrize(
    ('algorithm', 'practises', 'drawn'),
    [
        ('rlpd', False, [(8, 1)]),
        ('cal_ql', False, [(8, 4)] * 2),
        ('cal_ql', True, [(8, 3)] * 2),
    ],
)
def test_backups_draw_what_they_need_of_a_policy_that_moves(
    learning, demonstrations, practice, monkeypatch, algorithm, practises, drawn
):
    """One action of each next state for a target; k of both states for the conservative term."""
    settings = {
        'method': 'value_gradient',
        'particle_refresh_steps': 1,
        'critic_trainer': CriticTrainerConfig(algorithm=algorithm, backup='policy'),
        'practice_samples': 3,
    }
    loop = LearningLoop(learning(**settings), NAMES, seed=0)
    run_round(loop, demonstrations)
    if practises:
        run_round(loop, practice)
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


@pytest.mark.parametrize('distils_data', [True, False])
def test_all_particles_are_taught_with_their_probabilities(
    learning, demonstrations, practice, monkeypatch, distils_data
):
    """One pass over m = 2 targets has the mean of the losses that 'softmax' has at random."""
    config = learning(distillation_target='particles', distil_data_action=distils_data)
    loop = LearningLoop(config, NAMES, seed=0)
    run_round(loop, demonstrations)
    loop.begin_round(practice)
    run_stage(loop)
    rows, taught, draw = [], [], loop.units.draw
    monkeypatch.setattr(loop.units, 'draw', lambda *a: rows.append(draw(*a)) or rows[-1])
    monkeypatch.setattr(
        loop.policy_trainer, 'update', lambda _, *given: taught.append(given) or 0.0
    )
    loop.advance()
    targets, _, weights = taught[0]
    cached = loop.cache.distillation_particles if distils_data else loop.cache.particles
    expected = cached(rows[0].rows)
    assert torch.equal(targets, expected.actions)
    assert targets.shape == (8, 2, 7)
    odds = expected.values.exp()
    torch.testing.assert_close(weights, odds / odds.sum(1, keepdim=True))
    assert loop.method.distillation_target == 'particles'


@pytest.mark.parametrize('steps', [0, 3])
def test_the_share_of_changed_tokens_is_measured(learning, demonstrations, practice, steps):
    """Without a climb none changes; a long one changes nearly all but the gripper's."""
    config = learning(
        policy_class='autoregressive',
        policy={'bins': 4096, 'hidden': 8, 'layers': 1, 'heads': 1},
        optimisation=ActionOptimisationConfig(
            samples=4, particles=2, gradient_steps=steps, step_size=30.0
        ),
    )
    loop = LearningLoop(config, NAMES, seed=0)
    run_round(loop, demonstrations)
    assert loop.counters.changed_token_share is None
    loop.begin_round(practice)
    run_stage(loop)
    loop.advance()
    share = loop.counters.changed_token_share
    assert 0.4 < share <= 6 / 7 if steps else share == 0.0


def test_without_tokens_no_share_is_measured(learning, demonstrations, practice):
    loop = LearningLoop(learning(), NAMES, seed=0)
    run_round(loop, demonstrations)
    run_round(loop, practice)
    assert loop.counters.distillation_spread > 0.0
    assert loop.counters.changed_token_share is None


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


def seeing(size):
    return {'pictures': {'camera': {'size': size}}, 'encoder': {'widths': [4]}}


def test_pictures_are_changed_wherever_a_batch_is_drawn(
    learning, new_episode, monkeypatch, tmp_path
):
    """Each update sees changed pictures, in the size that policy and critic ask for."""
    vision = from_mapping(VisionConfig, seeing([16, 24]), 'test')
    config = learning(
        critic=CriticConfig(members=1, hidden=(8,), bins=11, vision=vision),
        policy={'hidden': 8, 'blocks': 1, 'vision': seeing([20, 16])},
    )
    cameras = {'camera': (32, 32)}
    loop, sizes = LearningLoop(config, NAMES, seed=0, cameras=cameras, folder=tmp_path), []

    def augment(parts, augmentation, generator):
        assert augmentation == vision.augmentation
        sizes.append([tuple(part.pictures['camera'].shape[1:3]) for part in parts])
        return augment_states(parts, augmentation, generator)

    monkeypatch.setattr(learning_units, 'augment_states', augment)
    kinds = {'cameras': cameras}
    run_round(loop, [new_episode('d0', **kinds), new_episode('d1', seed=1, **kinds)])
    run_round(loop, [new_episode('p0', purpose='practice', seed=2, **kinds)])
    assert sizes.count([(20, 16)]) == loop.counters.policy_steps
    assert sizes.count([(16, 24)] * 2) == loop.counters.critic_steps
    assert len(sizes) == loop.counters.policy_steps + loop.counters.critic_steps


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
