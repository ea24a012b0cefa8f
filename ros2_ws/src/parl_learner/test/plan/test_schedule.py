# SPDX-License-Identifier: Apache-2.0
import pytest
from zero_shot import zero_shot_experiment

from parl_learner.plan.schedule import EpisodeStep, LearnStep, next_step, planned_steps, task_of


def summary(step):
    if isinstance(step, LearnStep):
        return f'learn {step.version}'
    actor = f'{step.version}{"+" if step.optimise else ""}'
    return f'{step.episode_id} {step.purpose} by {actor}'


def run(config, completed, version, count):
    """Does the next `count` steps; returns what they were, with the state after them."""
    done, completed = [], dict(completed)
    for _ in range(count):
        step = next_step(config, completed, version)
        if step is None:
            break
        done.append(step)
        if isinstance(step, LearnStep):
            version = step.version
        else:
            completed[step.episode_id] = True
    return done, completed, version


def test_the_whole_experiment(experiment):
    assert [summary(step) for step in planned_steps(experiment())] == [
        'demonstrations-0000 demonstration by 0',
        'demonstrations-0001 demonstration by 0',
        'learn 1',
        'imitation-0000 evaluation by 1',
        'imitation-0001 evaluation by 1',
        'pre-trained-0000 evaluation by 1+',
        'pre-trained-0001 evaluation by 1+',
        'practice-0000 practice by 1+',
        'practice-0001 practice by 1+',
        'learn 2',
        'practice-0002 practice by 2+',
        'learn 3',
        'practice-0003 practice by 3+',
        'learn 4',
        'distilled-0000 evaluation by 4',
        'distilled-0001 evaluation by 4',
        'fine-tuned-0000 evaluation by 4+',
        'fine-tuned-0001 evaluation by 4+',
    ]


def test_the_policy_itself_may_play_the_first_episodes():
    config = zero_shot_experiment(pretraining_task='cup_alone')
    plan = planned_steps(config)
    assert [summary(step) for step in plan][:6] == [
        'learn 0',
        'zero-shot-0000 demonstration by 0',
        'zero-shot-0001 demonstration by 0',
        'learn 1',
        'imitation-0000 evaluation by 1',
        'imitation-0001 evaluation by 1',
    ]
    assert [task_of(config, step) for step in plan[:5]] == ['cup_alone'] * 4 + ['cup_to_rack']
    for cut in range(len(plan) + 1):
        _, completed, version = run(config, {}, -1, cut)
        assert run(config, completed, version, 100)[0] == plan[cut:]


def test_rounds_ahead_are_played_with_the_version_before(experiment):
    """The learner works during the first evaluation and during each round from the third on."""
    assert [summary(step) for step in planned_steps(experiment(rounds_ahead=1))] == [
        'demonstrations-0000 demonstration by 0',
        'demonstrations-0001 demonstration by 0',
        'learn 1',
        'practice-0000 practice by 1+',
        'practice-0001 practice by 1+',
        'practice-0002 practice by 1+',
        'imitation-0000 evaluation by 1',
        'imitation-0001 evaluation by 1',
        'pre-trained-0000 evaluation by 1+',
        'pre-trained-0001 evaluation by 1+',
        'learn 2',
        'practice-0003 practice by 2+',
        'learn 3',
        'learn 4',
        'distilled-0000 evaluation by 4',
        'distilled-0001 evaluation by 4',
        'fine-tuned-0000 evaluation by 4+',
        'fine-tuned-0001 evaluation by 4+',
    ]


@pytest.mark.parametrize('ahead', [3, 9])
def test_so_many_rounds_ahead_that_the_first_version_plays_them_all(experiment, ahead):
    steps = [summary(step) for step in planned_steps(experiment(rounds_ahead=ahead))]
    assert {step.split()[-1] for step in steps if step.startswith('practice')} == {'1+'}
    assert steps.index('imitation-0000 evaluation by 1') < steps.index('learn 2')
    assert steps[-7:-4] == ['learn 2', 'learn 3', 'learn 4']


def test_a_method_that_learns_on_policy_is_not_ahead(experiment, learning):
    with pytest.raises(ValueError, match='rounds_ahead is 1'):
        experiment(rounds_ahead=1, learning=learning(method='dppo', policy_class='flow'))
    with pytest.raises(ValueError, match='0 or more'):
        experiment(rounds_ahead=-1)


@pytest.mark.parametrize('method', ['frozen', 'filtered_imitation'])
def test_baselines_act_without_a_critic(experiment, learning, method):
    plan = planned_steps(experiment(learning=learning(method=method)))
    episodes = [step for step in plan if isinstance(step, EpisodeStep)]
    assert not any(step.optimise for step in episodes)
    assert 'pre-trained' not in {step.phase for step in episodes}
    practised = [step for step in episodes if step.phase == 'practice']
    assert len(practised) == 4, 'the same number of episodes'


def test_a_policy_that_practises_alone_is_evaluated_with_its_critic_too(experiment, learning):
    plan = planned_steps(experiment(learning=learning(acting='policy')))
    with_critic = {s.phase for s in plan if isinstance(s, EpisodeStep) and s.optimise}
    assert with_critic == {'pre-trained', 'fine-tuned'}
    plan = planned_steps(experiment(learning=learning(method='value_gradient', acting='policy')))
    assert not any(s.optimise for s in plan if isinstance(s, EpisodeStep))


def test_demonstrations_and_imitation_may_be_on_another_task(experiment):
    config = experiment(pretraining_task='cup_alone')
    tasks = [task_of(config, step) for step in planned_steps(config)]
    assert tasks == ['cup_alone'] * 3 + ['cup_to_rack'] * 15
    config = experiment()
    assert {task_of(config, step) for step in planned_steps(config)} == {'cup_to_rack'}


def test_it_goes_on_from_any_point(experiment):
    config = experiment()
    plan = planned_steps(config)
    for cut in range(len(plan) + 1):
        _, completed, version = run(config, {}, 0, cut)
        rest, _, _ = run(config, completed, version, 100)
        assert rest == plan[cut:]


def test_an_episode_lost_in_between_is_played_again_first(experiment):
    config = experiment()
    _, completed, version = run(config, {}, 0, 8)
    completed.pop('imitation-0001')
    step = next_step(config, completed, version)
    assert step.episode_id == 'imitation-0001'
    assert step.version == 1


def test_seeds(experiment):
    by_phase = {}
    for experiment_seed in (3, 4):
        for step in planned_steps(experiment(seed=experiment_seed)):
            if isinstance(step, EpisodeStep):
                by_phase.setdefault((step.phase, experiment_seed), []).append(step.seed)
    phases = ('imitation', 'pre-trained', 'distilled', 'fine-tuned')
    starts = {tuple(by_phase[phase, 3]) for phase in phases}
    assert len(starts) == 1, 'the same starts'
    different = [
        seed
        for experiment_seed in (3, 4)
        for phase in ('demonstrations', 'practice', 'imitation')
        for seed in by_phase[phase, experiment_seed]
    ]
    assert len(set(different)) == len(different)


def test_places_within_the_phases(experiment):
    plan = [step for step in planned_steps(experiment()) if isinstance(step, EpisodeStep)]
    practice = [(step.index, step.of) for step in plan if step.phase == 'practice']
    assert practice == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert {step.of for step in plan if step.phase != 'practice'} == {2}
