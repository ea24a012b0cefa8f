# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass
import math

import pytest
from zero_shot import zero_shot_experiment

from parl_learner.experiment.progress import ExperimentProgress
from parl_learner.experiment.record import RecordedStep
from parl_learner.plan.schedule import LearnStep, planned_steps


@dataclass
class Learner:
    phase: str = 'critic'
    policy_steps: int = 30
    policy_steps_due: int = 30
    critic_steps: int = 120
    critic_steps_due: int = 500
    seconds_left: float = 75.4


def recorded(step, seconds, success=False):
    if isinstance(step, LearnStep):
        return RecordedStep(phase='learning', name=f'version-{step.version}', seconds=seconds)
    return RecordedStep(
        phase=step.phase, name=step.episode_id, seconds=seconds, success=success, steps=17
    )


@pytest.fixture
def plan(experiment):
    """Two demonstrations, learn 1, two + two evaluations, practice 2, learn, 1, learn, 1, …"""
    return planned_steps(experiment())


def test_time_left_before_anything_is_known(experiment):
    # Fourteen episodes at 3 s and four versions at 60 s.
    assert ExperimentProgress(experiment(), []).seconds_left() == 14 * 3.0 + 4 * 60.0


def test_time_left_follows_the_pace(experiment, plan):
    done = [recorded(plan[0], 4.0), recorded(plan[1], 6.0), recorded(plan[2], 100.0)]
    progress = ExperimentProgress(experiment(), done)
    assert progress.seconds_left() == 12 * 5.0 + 3 * 100.0
    # An evaluation of 10 s: its sister takes as long, other phases at the slowest pace so far.
    progress.after(plan[3], recorded(plan[3], 10.0))
    assert progress.seconds_left() == 10.0 + 10 * 10.0 + 3 * 100.0


def test_nothing_is_left_at_the_end(experiment, plan):
    progress = ExperimentProgress(experiment(), [recorded(step, 2.0) for step in plan])
    assert progress.seconds_left() == 0.0


def test_lines_about_episodes(experiment, plan):
    progress = ExperimentProgress(experiment(), [recorded(plan[0], 4.0, success=True)])
    line = progress.after(plan[1], recorded(plan[1], 4.0))
    assert 'demonstrations   2/2' in line
    assert 'after 17 steps' in line
    assert '(1/2 so far)' in line
    assert 'success' not in line
    assert 'about 4 min 48 s left' in line  # 10 · 4 + 4 · 60
    assert 'success' in progress.after(plan[3], recorded(plan[3], 4.0, success=True))


def test_making_version_0_says_nothing_of_the_pace_of_learning():
    config = zero_shot_experiment()
    plan = planned_steps(config)
    progress = ExperimentProgress(config, [])
    line = progress.after(plan[0], recorded(plan[0], 4.0))
    assert line.startswith('version 0 made in 4 s, about ')
    # Two, two + two, two and two + two episodes at 3 s, two versions at 60 s.
    assert progress.seconds_left() == 12 * 3.0 + 2 * 60.0
    assert progress.while_learning(0, Learner()).startswith('waiting for version 0')
    assert 'zero-shot   1/2' in progress.after(plan[1], recorded(plan[1], 4.0))


def test_lines_about_a_gate(experiment):
    """Version 1 had one success of two, version 2 has none."""
    config = experiment(gate_episodes=2)
    gate = [step for step in planned_steps(config) if getattr(step, 'phase', '') == 'gate']
    done = [recorded(gate[0], 4.0, success=True), recorded(gate[1], 4.0)]
    progress = ExperimentProgress(config, done)
    first = progress.after(gate[2], recorded(gate[2], 4.0))
    assert 'gate of version 2   1/2' in first
    assert '(0/1 so far)' in first, 'those of version 1 count apart'
    assert '\n' not in first
    line = progress.after(gate[3], recorded(gate[3], 4.0))
    assert line.endswith('left\nversion 2: 0 of 2, version 1 had 1: version 1 stays')


def test_lines_about_learning(experiment, plan):
    progress = ExperimentProgress(experiment(), [])
    assert progress.while_learning(2, Learner()) == (
        'learning version 2: critic, policy 30/30, critic 120/500 updates, '
        '1 min 15 s left in this round'
    )
    assert 'unknown time left' in progress.while_learning(2, Learner(seconds_left=math.nan))
    line = progress.after(plan[2], recorded(plan[2], 65.0))
    assert line.startswith('version 1 learned in 1 min 05 s, about ')
