# SPDX-License-Identifier: Apache-2.0
import pytest

from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.methods.method import PracticeRound


@pytest.mark.parametrize(
    ('order', 'names'),
    [
        ('policy_first', ['sampling_new', 'distilling', 'sampling', 'critic']),
        ('critic_first', ['sampling', 'critic', 'distilling']),
    ],
)
def test_order_of_a_practice_round(learning, order, names):
    config = learning(
        practice_order=order, critic_updates_per_step=2.0, policy_updates_per_step=0.5
    )
    method = LearningLoop(config, ('a', 'b', 'c'), 0).method
    stages = method.practice_stages(PracticeRound(7, has_successes=True, rows=600, new_rows=256))
    assert [stage.name for stage in stages] == names
    units = {stage.name: stage.units for stage in stages}
    assert units.pop('sampling_new', 1) == 1
    assert units == {'critic': 14, 'distilling': 4, 'sampling': 3}
