# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from parl_policy.acting.action_optimisation import ActionOptimisationConfig, optimise_actions
from parl_policy.critics.critic import CriticConfig, CriticEnsemble
from parl_policy.critics.mean_q import FrozenCritic
from parl_policy.networks.observation_encoder import (
    observation_encoder,
    ObservationEncoder,
    VisionConfig,
)
from parl_policy.networks.observation_normaliser import ObservationNormaliser
from parl_policy.networks.picture_augmentation import (
    AugmentationConfig,
    augmented,
    draw_augmentation,
)
from parl_policy.networks.picture_encoder import EncoderConfig
from parl_policy.observations import Observations, PictureConfig
from parl_policy.policies.registry import new_policy
from parl_policy.policy import ActionSpec

SIZE = (16, 16)
SMALL = VisionConfig(
    pictures={'camera': PictureConfig(size=SIZE)},
    encoder=EncoderConfig(kind='resnet', widths=(8, 8)),
)
SETTINGS = {
    'pictures': {'camera': {'size': SIZE}},
    'encoder': {'kind': 'resnet', 'widths': [8, 8]},
}

KINDS = ActionSpec(1, 1).kinds()


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def observations(count):
    """A bright square left or right of the middle, and two numbers that say nothing."""
    is_right = torch.rand(count, generator=draws(1)) < 0.5
    pictures = torch.zeros(count, *SIZE, 3, dtype=torch.uint8)
    for picture, right in zip(pictures, is_right.tolist(), strict=True):
        picture[6:10, 10:14] = 255 if right else 0
        picture[6:10, 2:6] = 0 if right else 255
    noise = torch.randn(count, 2, generator=draws(2))
    return Observations(noise, {'camera': pictures}, ('',) * count), is_right


def new_critic(**settings):
    torch.manual_seed(0)
    config = CriticConfig(members=2, hidden=(16, 16), head='mse', vision=SMALL, **settings)
    return CriticEnsemble(2, 1, config)


def test_features_of_each_camera_stand_before_the_normalised_numbers():
    cameras = {'camera': PictureConfig(size=(16, 24)), 'wrist_camera': PictureConfig(size=SIZE)}
    encoder = ObservationEncoder(2, VisionConfig(pictures=cameras, encoder=SMALL.encoder))
    encoder.fit(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))
    seen = {
        camera: torch.randint(256, (4, *picture.size, 3), dtype=torch.uint8)
        for camera, picture in cameras.items()
    }
    found = encoder(Observations(torch.tensor([[2.0, 5.01]] * 4), seen, ('',) * 4))
    assert found.shape == (4, 8 + 8 + 2)
    assert encoder.features == 18
    for index, (camera, pictures) in enumerate(seen.items()):
        expected = encoder.encoders[camera](pictures)
        torch.testing.assert_close(found[:, 8 * index : 8 * index + 8], expected)
    expected = torch.tensor([[0.0, 1.0]] * 4)
    torch.testing.assert_close(found[:, -2:], expected, atol=1e-4, rtol=0)


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
        FrozenCritic(critic).mean_q(states), candidates, config, KINDS, torch.Generator()
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
        change = draw_augmentation(32, AugmentationConfig(shift=1), generator)
        pictures = {'camera': augmented(seen.pictures['camera'][rows], change)}
        shifted = Observations(seen.numbers[rows], pictures, ('',) * 32)
        target = actions.squeeze(-1) * side[rows, None]
        loss = critic.value_head.loss(critic.raw(shifted, actions), target).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    config = ActionOptimisationConfig(samples=1, particles=1, gradient_steps=20, step_size=0.1)
    held_out = seen[slice(128, None)]
    assert 8 < is_right[128:].sum() < 24, 'both sides occur'
    found = optimise_actions(
        FrozenCritic(critic).mean_q(held_out),
        torch.zeros(32, 1, 1),
        config,
        KINDS,
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
    spec = ActionSpec(horizon=1, dim=2)
    policy = new_policy(name, {**settings, 'vision': SETTINGS}, 2, spec)
    states, _ = observations(3)
    assert policy.sample(policy.encode(states), 5, draws()).shape == (3, 5, 2)
    policy.loss(policy.encode(states), torch.zeros(3, 1, 2), None, draws()).sum().backward()
    assert_trained(policy, policy.normaliser)


def test_an_edit_policy_sees_too():
    seeing = {'hidden': [8], 'vision': SETTINGS}
    settings = {**seeing, 'base_class': 'gaussian', 'base': seeing}
    policy = new_policy('edited', settings, 2, ActionSpec(horizon=1, dim=2))
    states, _ = observations(3)
    policy.rsample(policy.encode(states), 1, draws())[0].sum().backward()
    assert_trained(policy, policy.normaliser)


def assert_trained(policy, encoder):
    trained = list(policy.trainable_parameters())
    for parameter in encoder.parameters():
        assert parameter.grad is not None
        assert any(parameter is other for other in trained)


def test_to_see_no_camera_is_refused():
    with pytest.raises(ValueError, match=r'vision\.pictures is empty'):
        VisionConfig(pictures={})
    with pytest.raises(ValueError, match='15×64 are smaller than 16 pixels'):
        VisionConfig(pictures={'camera': PictureConfig(size=(15, 64))})
    two = {name: PictureConfig(size=(32, 32)) for name in ('camera', 'wrist')}
    with pytest.raises(ValueError, match=r"sees one calibrated camera; .*'camera', 'wrist'"):
        VisionConfig(pictures=two, encoder=EncoderConfig(kind='waypoints'))
