# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from parl_files.config_file import ConfigError
from parl_learner.training.policy_trainer import PolicyTrainer, PolicyTrainerConfig
from parl_learner.training.value_gradient import ValueGradientConfig
from parl_policy.policy import ActionSpec


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
        errors = (context.unsqueeze(1) @ self.weight.T - targets).square().sum(-1)
        return errors.mean(1) if weights is None else (weights * errors).sum(1)

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


def test_weighted_imitation_by_hand():
    """Errors (1, 0) and (0, 3), weighed 4 and 1: mean loss (4 + 9) / 2."""
    trainer = PolicyTrainer(LinearPolicy(), PolicyTrainerConfig())
    weights = torch.tensor([[4.0], [1.0]])
    loss = trainer.update(OBSERVATIONS, TARGETS, torch.Generator(), weights)
    assert loss == pytest.approx(6.5)


@pytest.mark.parametrize('size', [1, 2, 3])
def test_the_gradients_of_pieces_add_up_to_that_of_the_batch(size):
    """Three states, so the last piece may be smaller; each state is used once."""
    observations = torch.tensor([[1.0], [2.0], [-3.0]])
    targets = torch.cat([TARGETS, torch.tensor([[[1.0, 0.5]]])]).expand(3, 2, 2)
    weights = torch.tensor([[4.0, 1.0], [0.5, 0.0], [2.0, 3.0]])
    found, encoded = [], []
    for micro_batch in (None, size):
        policy = LinearPolicy()
        policy.encode = lambda states: encoded.append(states.flatten().tolist()) or states
        trainer = PolicyTrainer(policy, PolicyTrainerConfig(micro_batch=micro_batch))
        loss = trainer.update(observations, targets, torch.Generator(), weights)
        found.append((torch.tensor(loss), policy.weight.grad, policy.weight.detach()))
        assert policy.updates == 1
    torch.testing.assert_close(found[1], found[0])
    pieces = [[1.0, 2.0, -3.0][first : first + size] for first in range(0, 3, size)]
    assert encoded[1:] == pieces


@pytest.mark.parametrize('micro_batch', [None, 1])
def test_a_gradient_that_is_too_long_is_shortened(micro_batch):
    """The gradient (1, 6) of the whole batch has the norm √37: to 2 in its direction."""
    for largest, factor in ((2.0, 2.0 / 37.0**0.5), (6.1, 1.0)):
        policy = LinearPolicy()
        config = PolicyTrainerConfig(largest_gradient=largest, micro_batch=micro_batch)
        update(PolicyTrainer(policy, config))
        expected = factor * torch.tensor([[1.0], [6.0]])
        torch.testing.assert_close(policy.weight.grad, expected, rtol=1e-5, atol=0)
    policy = ScalePolicy()
    trainer = PolicyTrainer(policy, PolicyTrainerConfig(largest_gradient=0.5))
    trainer.step(3.0 * policy.weight.sum())
    assert policy.weight.grad.norm().item() == pytest.approx(0.5)


@pytest.mark.parametrize('wrong', [{'micro_batch': 0}, {'largest_gradient': 0.0}])
def test_impossible_pieces_and_lengths_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PolicyTrainerConfig(**wrong)


class ScalePolicy(LinearPolicy):
    """Action (w, g), whatever the state; log-probability -w. The second entry is binary."""

    action_spec = ActionSpec(horizon=1, dim=2, binary=(1,))

    def __init__(self, knows_log_probs=True):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([[0.5], [0.2]]))
        self.knows_log_probs = knows_log_probs

    def fit_normalisation(self, observations):
        pass

    def sample(self, context, count, generator):
        return self.rsample(context, count, generator)[0].detach()

    def rsample(self, context, count, generator):
        actions = self.weight.squeeze(1).expand(len(context), count, 2)
        return actions, -actions[..., 0] if self.knows_log_probs else None


def follow(policy, rate=0.01, **settings):
    """One step up Q = 3 a₀ + 2 a₁ - 8 at actions (w₀, snapped w₁)."""
    config = PolicyTrainerConfig(
        imitation_learning_rate=rate, value_gradient=ValueGradientConfig(**settings)
    )
    trainer = PolicyTrainer(policy, config)
    loss = trainer.follow_value(
        lambda actions: (actions * torch.tensor([3.0, 2.0])).sum(-1) - 8.0,
        OBSERVATIONS,
        TARGETS[:, 0],
        torch.Generator(),
    )
    return trainer, loss


def test_climbing_q_by_hand():
    """Q = 1.5 + 2 · snapped(0.2) - 8 = -4.5, whose gradient passes the snapping as 2."""
    policy = ScalePolicy()
    _, loss = follow(policy)
    assert loss == pytest.approx(4.5)
    torch.testing.assert_close(policy.weight.grad, torch.tensor([[-3.0], [-2.0]]))
    torch.testing.assert_close(policy.weight.detach(), torch.tensor([[0.51], [0.21]]))
    assert policy.updates == 1


def test_normalised_q_has_the_size_of_one():
    policy = ScalePolicy()
    _, loss = follow(policy, normalise_values=True)
    assert loss == pytest.approx(1.0)
    torch.testing.assert_close(policy.weight.grad, torch.tensor([[-3.0], [-2.0]]) / 4.5)


def test_imitation_beside_q():
    """Imitation of (0, 2) and (2, 1) by w · 1 and w · 2: errors 3.49 and 1.36, mean 2.425."""
    _, loss = follow(ScalePolicy(), imitation_weight=2.0)
    assert loss == pytest.approx(4.5 + 2.0 * (0.25 + 3.24 + 1.0 + 0.36) / 2.0)


def test_entropy_beside_q():
    """Log-probability -0.5 at temperature 1; its entropy 0.5 is below 2: the temperature rises."""
    policy = ScalePolicy()
    trainer, loss = follow(policy, target_entropy=2.0)
    assert loss == pytest.approx(4.5 - 0.5)
    torch.testing.assert_close(policy.weight.grad, torch.tensor([[-4.0], [-2.0]]))
    assert trainer.log_temperature.item() == pytest.approx(0.01)
    trainer, _ = follow(ScalePolicy(), target_entropy=0.4)
    assert trainer.log_temperature.item() == pytest.approx(-0.01)


def test_what_a_policy_class_cannot_give_is_named():
    def check(policy, **settings):
        config = PolicyTrainerConfig(value_gradient=ValueGradientConfig(**settings))
        PolicyTrainer(policy, config).check_value_gradient(torch.zeros(1, 1))

    with pytest.raises(ConfigError, match='LinearPolicy has no rsample'):
        check(LinearPolicy())
    with pytest.raises(ConfigError, match='ScalePolicy does not know its log-probabilities'):
        check(ScalePolicy(knows_log_probs=False), target_entropy=0.0)
    trainer = PolicyTrainer(ScalePolicy(), PolicyTrainerConfig(micro_batch=4))
    with pytest.raises(ConfigError, match=r'takes a batch whole, but .*micro_batch is 4; remove'):
        trainer.check_value_gradient(torch.zeros(1, 1))
    check(ScalePolicy(knows_log_probs=False))
    check(ScalePolicy(), target_entropy=0.0)


def test_temperature_comes_back_with_its_moments():
    first, _ = follow(ScalePolicy(), target_entropy=2.0)
    state = {key: value.clone() for key, value in first.state_dict().items()}
    second = PolicyTrainer(ScalePolicy(), first.config)
    second.load_state_dict(state)
    assert second.log_temperature.item() == pytest.approx(0.01)
    found = second.state_dict()
    assert found.keys() == state.keys()
    assert all(torch.equal(value, found[key]) for key, value in state.items())
