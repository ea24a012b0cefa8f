# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from parl_learner.policy_trainer import PolicyTrainer, PolicyTrainerConfig


class LinearPolicy(torch.nn.Module):
    """Loss |w · observation - target|², summed over entries; counts its updates."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([[1.0], [2.0]]))
        self.frozen = torch.nn.Parameter(torch.ones(1))
        self.updates = 0

    def encode(self, observations):
        return observations

    def loss(self, context, targets, weights, generator):
        assert weights is None
        return (context.unsqueeze(1) @ self.weight.T - targets).square().sum(-1).mean(1)

    def trainable_parameters(self):
        return [self.weight]

    def after_update(self):
        self.updates += 1


OBSERVATIONS = torch.tensor([[1.0], [2.0]])
TARGETS = torch.tensor([[[0.0, 2.0]], [[2.0, 1.0]]])


def update(trainer):
    return trainer.update(OBSERVATIONS, TARGETS, torch.Generator())


def test_one_update_by_hand():
    """Errors (1, 0) and (0, 3): mean loss (1 + 9) / 2; gradient (1, 6); Adam's first step."""
    policy = LinearPolicy()
    trainer = PolicyTrainer(policy, PolicyTrainerConfig(imitation_learning_rate=0.01))
    assert update(trainer) == pytest.approx(5.0)
    torch.testing.assert_close(policy.weight.grad, torch.tensor([[1.0], [6.0]]))
    torch.testing.assert_close(policy.weight.detach(), torch.tensor([[0.99], [1.99]]))
    assert policy.updates == 1
    update(trainer)
    assert policy.weight.grad[0].item() == pytest.approx(0.95), 'no old gradient'


def test_distillation_begins_afresh_at_its_own_rate():
    policy = LinearPolicy()
    config = PolicyTrainerConfig(imitation_learning_rate=0.01, distillation_learning_rate=0.1)
    trainer = PolicyTrainer(policy, config)
    update(trainer)
    trainer.begin_distillation()
    assert not trainer.optimiser.state_dict()['state']
    before = policy.weight.detach().clone()
    update(trainer)
    torch.testing.assert_close(before - policy.weight.detach(), torch.tensor([[0.1], [0.1]]))


def test_only_trainable_parameters_change():
    policy = LinearPolicy()
    update(PolicyTrainer(policy, PolicyTrainerConfig()))
    assert policy.frozen.item() == 1.0
