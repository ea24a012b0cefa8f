# SPDX-License-Identifier: Apache-2.0
from parl_learner.methods.stage import PHASES, Stage, StageName, units_left, updates_left


def idle(unit):
    """Nothing is done here."""


def test_a_fraction_of_an_update_a_unit():
    """One in 2.5 units: after the third, the fifth, the eighth and the tenth."""
    stage = Stage(StageName.ACTOR_CRITIC, 10, idle, policy_updates=0.4, critic_updates=1.0)
    assert [stage.updates(unit)[0] for unit in range(10)] == [0, 0, 1, 0, 1, 0, 0, 1, 0, 1]
    assert [stage.updates(unit)[1] for unit in range(10)] == [1] * 10


def test_several_updates_a_unit():
    assert [
        Stage(StageName.CRITIC, 2, idle, policy_updates=2.5).updates(unit) for unit in (0, 1)
    ] == [(2, 0), (3, 0)]


def test_left_by_updates_and_by_units():
    stages = (
        Stage(StageName.SEEING, 7, idle),
        Stage(StageName.SAMPLING, 2, idle),
        Stage(StageName.IMITATING, 4, idle, policy_updates=1.0),
        Stage(StageName.ACTOR_CRITIC, 5, idle, policy_updates=0.5, critic_updates=1.0),
    )
    assert updates_left(stages, 0) == {'policy': 4 + 2, 'critic': 5}
    assert units_left(stages, 1) == {'policy': 4, 'critic': 5, 'sampling': 2, 'seeing': 6}
    assert units_left(stages[1:], 1) == {'policy': 4, 'critic': 5, 'sampling': 1, 'seeing': 0}
    assert updates_left(stages[2:], 3) == {'policy': 1 + 2, 'critic': 5}
    assert updates_left(stages[3:], 3) == {'policy': 1, 'critic': 2}
    assert units_left(stages[3:], 3) == {'policy': 0, 'critic': 2, 'sampling': 0, 'seeing': 0}
    assert updates_left((), 0) == {'policy': 0, 'critic': 0}


def test_an_operator_is_told_a_phase_of_every_stage():
    assert set(PHASES) == set(StageName)
