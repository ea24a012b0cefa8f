# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.training.critic_trainer_config import CriticTrainerConfig

NAMES = ('a', 'b', 'c')
IQL = CriticTrainerConfig(algorithm='iql')


@pytest.mark.parametrize(
    ('method', 'weights'),
    [('awr', [1.0, 0.367879, 5.0]), ('self_imitation', [3.0, 0.0, 2.0]), ('imitation', None)],
)
def test_weights_of_imitation(learning, new_episode, method, weights):
    """exp(0.5 A) of 0, -2 and 9, at most 5; returns that are 3, -1 and 2 above V."""
    loop = LearningLoop(
        learning(
            method=method,
            critic_trainer=IQL,
            advantage_scale=0.5,
            largest_advantage_weight=5.0,
        ),
        NAMES,
        seed=0,
    )
    loop.begin_round([new_episode()])
    batch = loop.replay.batch(torch.arange(3))
    values = batch.returns - torch.tensor([3.0, -1.0, 2.0])
    loop.critic_trainer.state_values = lambda observations: values
    loop.critic_trainer.advantages = lambda batch, generator: torch.tensor([0.0, -2.0, 9.0])
    found = loop.method.weights(batch)
    if weights is None:
        assert found is None
    else:
        torch.testing.assert_close(found, torch.tensor(weights).unsqueeze(1))
