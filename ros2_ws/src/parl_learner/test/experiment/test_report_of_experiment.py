# SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest
import torch
from zero_shot import zero_shot_experiment

from parl_files.episode import Outcome
from parl_files.episode_library import EpisodeLibrary
from parl_learner.experiment.record import RecordedStep
from parl_learner.experiment.report_of_experiment import report_data
from parl_learner.loop.learner import Learner

STEPS = [
    RecordedStep(phase='demonstrations', name='demonstrations-0000', seconds=5.0, success=True),
    RecordedStep(phase='learning', name='version-1', seconds=60.0),
    RecordedStep(phase='imitation', name='imitation-0000', seconds=4.0, steps=30),
    RecordedStep(phase='imitation', name='imitation-0001', seconds=4.0, steps=20, success=True),
    RecordedStep(phase='practice', name='practice-0000', seconds=3.0, decision_ms=(10.0, 20.0)),
    RecordedStep(phase='practice', name='practice-0001', seconds=3.0, decision_ms=(30.0,)),
    RecordedStep(phase='learning', name='version-2', seconds=30.0),
    RecordedStep(phase='fine-tuned', name='fine-tuned-0000', seconds=2.0, steps=9, success=True),
]


@pytest.fixture
def make_data(store):
    def make(config, steps=STEPS):
        library = EpisodeLibrary(store, pytest.fail)
        library.refresh()
        return report_data(config, steps, library, store, control_rate_hz=5.0)

    return make


def test_numbers_of_the_table(experiment, make_data):
    data = make_data(experiment())
    rows = [
        (row.label, row.successes, row.episodes, row.mean_steps, row.practised_episodes)
        for row in data.evaluations
    ]
    assert rows == [
        ('pre-trained policy alone (imitation)', 1, 2, 25.0, 0),
        ('fine-tuned policy with its critic', 1, 1, 9.0, 4),
    ]
    # Evaluations do not count: 5 + 60, and 3 + 3 + 30 more.
    assert [row.seconds for row in data.evaluations] == [65.0, 101.0]
    assert list(data.evaluations[0].episode_ids) == ['imitation-0000', 'imitation-0001']
    assert [(phase.label, phase.seconds) for phase in data.phases] == [
        ('demonstrations', 5.0),
        ('offline training', 60.0),
        ('evaluation: pre-trained policy alone (imitation)', 8.0),
        ('practice', 6.0),
        ('online training', 30.0),
        ('evaluation: fine-tuned policy with its critic', 2.0),
    ]
    assert 'p50 20.0 ms' in data.notes[0]
    assert 'over 3 steps' in data.notes[0]
    assert (data.task, data.seed) == ('cup_to_rack', 3)
    assert data.calibration is None, 'no critic yet'
    assert data.learner_log is None


def test_a_zero_shot_policy_is_told_as_such(make_data):
    steps = [
        RecordedStep(phase='learning', name='version-0', seconds=7.0),
        RecordedStep(phase='zero-shot', name='zero-shot-0000', seconds=5.0, success=True),
        RecordedStep(phase='zero-shot', name='zero-shot-0001', seconds=5.0),
        *STEPS[1:],
    ]
    data = make_data(zero_shot_experiment(pretraining_task='cup_alone'), steps)
    labels = [row.label for row in data.evaluations]
    assert labels == ['pre-trained policy alone', 'fine-tuned policy with its critic']
    assert [(phase.label, phase.seconds) for phase in data.phases][:4] == [
        ('making version 0', 7.0),
        ('zero-shot', 10.0),
        ('offline training', 60.0),
        ('evaluation: pre-trained policy alone', 8.0),
    ]
    # Wilson's interval of 1 of 2: (2 + 3.841 ∓ 1.96 √(3.841 + 2)) / (2 (2 + 3.841)).
    rate = 'succeeded in 1 of 2 episodes (50%, 95 % interval 9% … 91%) on cup_alone'
    assert rate in data.notes[0]


def test_without_practice_there_is_no_latency(experiment, make_data):
    (note,) = make_data(experiment(), STEPS[:4]).notes
    assert note.startswith('Fingerprint')


def test_the_fingerprint_changes_with_each_played_episode_and_version(
    experiment, store, put, recorded, make_data
):
    found = []

    def note():
        found.append(next(n for n in make_data(experiment()).notes if n.startswith('Finger')))

    note()
    put(recorded[0])
    note()
    put(dataclasses.replace(recorded[1], outcome=Outcome.ABORTED))
    note()
    store.put('policy', 1, b'weights', 'safetensors')
    note()
    assert found[1] == found[2], 'an attempt that was aborted does not count'
    assert len({found[0], found[1], found[3]}) == 3


def test_how_old_the_acting_version_is_stands_in_the_report(experiment, make_data):
    (note, *_) = make_data(experiment(rounds_ahead=1)).notes
    assert 'round n was played with version n − 1 (at least 1)' in note


def test_gate_episodes_are_counted_from_their_files(experiment, put, new_episode, make_data):
    outcomes = ('success', 'success', 'timeout', 'success')
    names = ('gate-0001-0000', 'gate-0001-0001', 'gate-0002-0000', 'gate-0002-0001')
    pairs = zip(names, outcomes, strict=True)
    put(*(new_episode(name, 'evaluation', outcome) for name, outcome in pairs))
    gate = make_data(experiment(gate_episodes=2)).gate
    assert [(row.successes, row.episodes, row.kept) for row in gate] == [(2, 2, 1), (1, 2, 1)]
    assert list(make_data(experiment()).gate) == []


def test_the_gate_takes_time_like_practice(experiment, make_data):
    steps = list(STEPS)
    steps.insert(4, RecordedStep(phase='gate', name='gate-0001-0000', seconds=7.0))
    data = make_data(experiment(gate_episodes=1), steps)
    assert [row.seconds for row in data.evaluations] == [65.0, 108.0]
    assert ('gate', 7.0) in [(phase.label, phase.seconds) for phase in data.phases]


def test_practice_before_the_first_evaluation_is_not_in_its_time(experiment, make_data):
    order = (0, 1, 4, 5, 2, 3, 6, 7)
    data = make_data(experiment(rounds_ahead=1), [STEPS[i] for i in order])
    assert [row.seconds for row in data.evaluations] == [65.0, 101.0]


def test_calibration_asks_the_final_critic(experiment, store, put, recorded, make_data):
    put(*recorded)
    learner = Learner(experiment(), store, lambda _: None, pytest.fail)
    while learner.take_in_episodes():
        learner.work()
    calibration = make_data(experiment()).calibration
    practice = recorded[2:]
    assert len(calibration.q_values) == sum(len(episode) for episode in practice)
    np.testing.assert_allclose(calibration.returns[:3], [-100.0] * 3, rtol=1e-5)
    loop = learner.loop
    batch = loop.replay.batch(torch.arange(10, 20))
    values = loop.critic_trainer.critic(batch.observations, batch.actions.unsqueeze(1))
    np.testing.assert_allclose(
        calibration.q_values, values.mean(0).squeeze(1).detach().numpy(), rtol=1e-4
    )


def test_baselines_have_no_calibration(experiment, learning, store, put, recorded, make_data):
    put(*recorded)
    config = experiment(learning=learning(method='frozen'))
    learner = Learner(config, store, lambda _: None, pytest.fail)
    while learner.take_in_episodes():
        learner.work()
    assert make_data(config).calibration is None
