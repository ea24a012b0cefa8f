# SPDX-License-Identifier: Apache-2.0
import pytest

from parl_learner.plan.round_plan import practice_stages, Stage, units_left, updates_left


def test_a_fraction_of_an_update_a_unit():
    """One in 2.5 units: after the third, the fifth, the eighth and the tenth."""
    stage = Stage('both', 10, policy_updates=0.4, critic_updates=1.0)
    assert [stage.updates(unit)[0] for unit in range(10)] == [0, 0, 1, 0, 1, 0, 0, 1, 0, 1]
    assert [stage.updates(unit)[1] for unit in range(10)] == [1] * 10


def test_several_updates_a_unit():
    assert [Stage('a', 2, policy_updates=2.5).updates(unit) for unit in (0, 1)] == [(2, 0), (3, 0)]


def test_left_by_updates_and_by_units():
    stages = (
        Stage('sampling', 2),
        Stage('imitating', 4, policy_updates=1.0),
        Stage('both', 5, policy_updates=0.5, critic_updates=1.0),
    )
    assert updates_left(stages, 0) == {'policy': 4 + 2, 'critic': 5}
    assert units_left(stages, 0) == {'policy': 4, 'critic': 5, 'sampling': 2}
    assert units_left(stages, 1) == {'policy': 4, 'critic': 5, 'sampling': 1}
    assert updates_left(stages[1:], 3) == {'policy': 1 + 2, 'critic': 5}
    assert updates_left(stages[2:], 3) == {'policy': 1, 'critic': 2}
    assert units_left(stages[2:], 3) == {'policy': 0, 'critic': 2, 'sampling': 0}
    assert updates_left((), 0) == {'policy': 0, 'critic': 0}


@pytest.mark.parametrize(
    ('order', 'names'),
    [
        ('policy_first', ['sampling_new', 'distilling', 'sampling', 'critic', 'finishing']),
        ('critic_first', ['sampling', 'critic', 'distilling', 'finishing']),
    ],
)
def test_order_of_a_practice_round(learning, order, names):
    config = learning(
        practice_order=order, critic_updates_per_step=2.0, policy_updates_per_step=0.5
    )
    stages = practice_stages(config, 7, has_successes=True, rows=600, new_rows=256)
    assert [stage.name for stage in stages] == names
    units = {stage.name: stage.units for stage in stages if stage.kind}
    assert units.pop('sampling_new', 1) == 1
    assert units == {'critic': 14, 'distilling': 4, 'sampling': 3}
