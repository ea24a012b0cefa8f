# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from parl_policy.acting.action_optimisation import ActionOptimisationConfig, optimise_actions
from parl_policy.critics.critic import CriticConfig, CriticEnsemble
from parl_policy.critics.mean_q import FrozenCritic
from parl_policy.networks.observation_normaliser import ObservationNormaliser
from parl_policy.networks.random_shift import draw_shifts
from parl_policy.networks.resnet_encoder import ImageConfig, observation_encoder, ResNetEncoder
from parl_policy.policies.registry import new_policy
from parl_policy.policy import ActionSpec

SMALL = ImageConfig(shape=(1, 12, 12), widths=(8, 8))
OBSERVATION_DIM = SMALL.pixels + 2

MOVABLE = torch.ones(1, dtype=torch.bool)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def observations(count):
    """A bright square left or right of the middle, and two numbers that say nothing."""
    is_right = torch.rand(count, generator=draws(1)) < 0.5
    images = torch.zeros(count, 12, 12)
    for image, right in zip(images, is_right.tolist(), strict=True):
        image[4:8, 7:11] = 255.0 if right else 0.0
        image[4:8, 1:5] = 0.0 if right else 255.0
    noise = torch.randn(count, 2, generator=draws(2))
    return torch.cat([images.flatten(1), noise], dim=1), is_right


def new_critic(**settings):
    torch.manual_seed(0)
    config = CriticConfig(members=2, hidden=(16, 16), head='mse', image=SMALL, **settings)
    return CriticEnsemble(OBSERVATION_DIM, 1, config)


def test_resnet_18_has_its_layers_and_its_size():
    encoder = ResNetEncoder(30_000 + 7, ImageConfig())
    assert encoder.features == 512 + 7
    convolutions = [m for m in encoder.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len([c for c in convolutions if c.kernel_size != (1, 1)]) == 17  # and no final dense
    # 11,689,512 of the classifier on 1,000 classes, less its 513,000 in the last layer.
    assert sum(p.numel() for p in encoder.parameters()) == 11_176_512
    found = encoder(torch.zeros(2, 30_007))
    assert found.shape == (2, 519)


def test_pixels_are_scaled_and_the_vector_is_normalised():
    encoder = ResNetEncoder(OBSERVATION_DIM, SMALL)
    seen = []
    encoder.network[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    encoder.fit(
        torch.tensor([[0.0] * SMALL.pixels + [1.0, 5.0], [0.0] * SMALL.pixels + [3.0, 5.0]])
    )
    one = torch.cat([torch.full((1, SMALL.pixels), 255.0), torch.tensor([[2.0, 5.01]])], dim=1)
    one[0, 0] = 0.0
    found = encoder(one)
    assert seen[0].shape == (1, 1, 12, 12)
    assert seen[0][0, 0, 0, :2].tolist() == [-1.0, 1.0]
    torch.testing.assert_close(found[0, -2:], torch.tensor([0.0, 1.0]), atol=1e-4, rtol=0)


def test_a_vector_observation_keeps_the_normaliser_alone():
    encoder = observation_encoder(5, None)
    assert isinstance(encoder, ObservationNormaliser)
    assert encoder.features == 5
    assert not list(encoder.parameters())


def test_the_encoder_runs_once_per_state_and_actions_do_not_touch_it():
    critic, (states, _) = new_critic(), observations(3)
    calls = []
    critic.normaliser.register_forward_hook(lambda *_: calls.append(1))
    candidates = torch.rand(3, 6, 1, generator=draws(3)) * 2.0 - 1.0
    config = ActionOptimisationConfig(samples=6, particles=2, gradient_steps=4)
    found = optimise_actions(
        FrozenCritic(critic).mean_q(states), candidates, config, MOVABLE, torch.Generator()
    )
    assert len(calls) == 1
    assert found.actions.shape == (3, 2, 1)
    assert all(parameter.grad is None for parameter in critic.parameters())


def test_a_critics_loss_trains_the_encoder():
    critic, (states, _) = new_critic(), observations(3)
    critic(states, torch.zeros(3, 1, 1)).sum().backward()
    gradients = [parameter.grad for parameter in critic.normaliser.parameters()]
    assert all(gradient is not None and gradient.any() for gradient in gradients)


def test_a_critic_learns_to_see_where_the_square_is():
    """Q = a · side, side = ±1; climbing then moves each action to the side of a new image."""
    critic = new_critic()
    optimiser = torch.optim.Adam(critic.parameters(), lr=3e-3)
    seen, is_right = observations(160)
    side = torch.where(is_right, 1.0, -1.0)
    generator = draws(5)
    for _ in range(60):
        rows = torch.randint(128, (32,), generator=generator)
        actions = torch.rand(32, 4, 1, generator=generator) * 2.0 - 1.0
        shifted = SMALL.shift(seen[rows], draw_shifts(32, generator, most=1))
        target = actions.squeeze(-1) * side[rows, None]
        loss = critic.value_head.loss(critic.raw(shifted, actions), target).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    config = ActionOptimisationConfig(samples=1, particles=1, gradient_steps=20, step_size=0.1)
    held_out = seen[128:]
    assert 8 < is_right[128:].sum() < 24, 'both sides occur'
    found = optimise_actions(
        FrozenCritic(critic).mean_q(held_out),
        torch.zeros(32, 1, 1),
        config,
        MOVABLE,
        torch.Generator(),
    )
    assert (found.argmax().squeeze(1) * side[128:] > 0.8).all()


@pytest.mark.parametrize(
    ('name', 'settings'),
    [
        ('autoregressive', {'layers': 1, 'hidden': 8, 'heads': 2, 'bins': 16}),
        ('diffusion', {'hidden': 8, 'blocks': 1}),
        ('flow', {'hidden': 8, 'blocks': 1}),
        ('gaussian', {'hidden': [8]}),
    ],
)
def test_a_policy_sees_and_trains_its_encoder(name, settings):
    torch.manual_seed(0)
    image = {'shape': [1, 12, 12], 'widths': [8, 8]}
    spec = ActionSpec(horizon=1, dim=2)
    policy = new_policy(name, {**settings, 'image': image}, OBSERVATION_DIM, spec)
    states, _ = observations(3)
    assert policy.sample(policy.encode(states), 5, draws()).shape == (3, 5, 2)
    policy.loss(policy.encode(states), torch.zeros(3, 1, 2), None, draws()).sum().backward()
    assert_trained(policy, policy.normaliser)


def test_an_edit_policy_sees_too():
    image = {'shape': [1, 12, 12], 'widths': [8]}
    settings = {'hidden': [8], 'image': image, 'base_class': 'gaussian', 'base': {'image': image}}
    policy = new_policy('edited', settings, OBSERVATION_DIM, ActionSpec(horizon=1, dim=2))
    states, _ = observations(3)
    policy.rsample(policy.encode(states), 1, draws())[0].sum().backward()
    assert_trained(policy, policy.normaliser)


def assert_trained(policy, encoder):
    trained = list(policy.trainable_parameters())
    for parameter in encoder.parameters():
        assert parameter.grad is not None
        assert any(parameter is other for other in trained)


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: ImageConfig(shape=(3, 0, 4)), 'channels, height, width'),
        (lambda: ImageConfig(widths=(6,)), 'multiples of 4'),
        (lambda: ResNetEncoder(100, SMALL), 'an observation of 100 numbers cannot hold'),
    ],
)
def test_impossible_images_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
