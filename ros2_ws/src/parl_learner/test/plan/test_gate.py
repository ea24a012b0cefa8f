# SPDX-License-Identifier: Apache-2.0
"""The evaluation gate in the plan: which version acts, for any outcomes."""

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from parl_learner.plan.gate import gate_results, kept_versions
from parl_learner.plan.schedule import EpisodeStep, LearnStep, next_step, Phase, planned_steps


def gates(*successes, of=3):
    """Outcomes of the gate episodes of version 1, 2, … with so many successes each."""
    return {
        f'gate-{version:04d}-{index:04d}': index < count
        for version, count in enumerate(successes, start=1)
        for index in range(of)
    }


def test_the_gate_in_the_plan(experiment):
    """Version 2 is worse and version 3 as good as the first."""
    config = experiment(gate_episodes=3)
    plan = planned_steps(config, gates(2, 1, 2, 0))
    said = [
        f'learn {step.version}' if isinstance(step, LearnStep) else f'{step.phase} {step.version}'
        for step in plan
    ]
    assert list(dict.fromkeys(said)) == [
        'demonstrations 0',
        'learn 1',
        'imitation 1',
        'pre-trained 1',
        'gate 1',
        'practice 1',
        'learn 2',
        'gate 2',
        'learn 3',
        'gate 3',
        'practice 3',
        'learn 4',
        'gate 4',
        'distilled 3',
        'fine-tuned 3',
    ]
    assert [s.version for s in plan if getattr(s, 'phase', '') == Phase.PRACTICE] == [1, 1, 1, 3]
    gate = [step for step in plan if getattr(step, 'phase', '') == Phase.GATE]
    assert [step.episode_id for step in gate[2:4]] == ['gate-0001-0002', 'gate-0002-0000']
    assert {(step.purpose, step.of, step.optimise) for step in gate} == {('evaluation', 3, True)}


def test_the_gate_plays_as_practice_does(experiment, learning):
    for changes in ({'acting': 'policy'}, {'method': 'filtered_imitation'}):
        plan = planned_steps(experiment(gate_episodes=1, learning=learning(**changes)))
        assert not any(s.optimise for s in plan if getattr(s, 'phase', '') == Phase.GATE)


def test_all_versions_start_alike_and_nobody_else_starts_there(experiment):
    seeds = {}
    for experiment_seed in (3, 4):
        for step in planned_steps(experiment(seed=experiment_seed, gate_episodes=3)):
            if isinstance(step, EpisodeStep):
                of_gate = step.version if step.phase == Phase.GATE else 0
                seeds.setdefault((experiment_seed, of_gate), set()).add(step.seed)
    for experiment_seed in (3, 4):
        assert len({tuple(sorted(seeds[experiment_seed, n])) for n in (1, 2, 3, 4)}) == 1
        assert len(seeds[experiment_seed, 1]) == 3
    apart = [seeds[3, 0], seeds[3, 1], seeds[4, 0], seeds[4, 1]]
    assert len(set.union(*apart)) == sum(map(len, apart))


def test_without_a_gate_outcomes_change_nothing(experiment):
    config = experiment()
    assert planned_steps(config, gates(3, 0)) == planned_steps(config)
    assert gate_results(config, gates(3, 0)) == []


def test_decisions_by_hand(experiment):
    config = experiment(gate_episodes=3)
    successes = gates(2, 1, 2, 1)
    assert [result.sentence for result in gate_results(config, successes)] == [
        'version 1: 2 of 3',
        'version 2: 1 of 3, version 1 had 2: version 1 stays',
        'version 3: 2 of 3, version 1 had 2: version 3 is kept',
        'version 4: 1 of 3, version 3 had 2: version 3 stays',
    ]
    assert kept_versions(config, successes) == {1: 1, 2: 1, 3: 3, 4: 3}
    del successes['gate-0002-0001']
    assert kept_versions(config, successes) == {1: 1}, 'not played to its end'


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'gate_episodes': -1}, 'gate_episodes must be 0 or more: -1'),
        ({'gate_episodes': 2, 'rounds_ahead': 1}, 'gate_episodes is 2 and rounds_ahead 1.*to 0'),
    ],
)
def test_what_cannot_work_is_refused(experiment, wrong, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(experiment(), **wrong)


@given(data=st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_for_any_outcomes(experiment, data):
    """It ends, plays nothing twice, and no version acts that did worse than one before it."""
    config = experiment(
        gate_episodes=data.draw(st.integers(1, 3)),
        practice_episodes=data.draw(st.integers(2, 7)),
        episodes_per_round=data.draw(st.integers(1, 2)),
    )
    successes, version, done = {}, 0, []
    while (step := next_step(config, dict(successes), version)) is not None:
        done.append(step)
        assert len(done) <= 100, 'it does not end'
        if isinstance(step, LearnStep):
            assert step.version == version + 1
            version += 1
            continue
        assert step.episode_id not in successes
        if step.phase == Phase.GATE:
            assert step.version == version
        if step.phase in (Phase.PRACTICE, Phase.DISTILLED, Phase.FINE_TUNED):
            counts = [
                sum(ok for name, ok in successes.items() if name.startswith(f'gate-{n:04d}-'))
                for n in range(1, version + 1)
            ]
            best = max(n for n, count in enumerate(counts, start=1) if count == max(counts))
            assert step.version == best
        successes[step.episode_id] = data.draw(st.booleans())
    assert version == len(config.practice_rounds) + 1
    assert done == planned_steps(config, successes), 'as planned from the start, once it is known'
