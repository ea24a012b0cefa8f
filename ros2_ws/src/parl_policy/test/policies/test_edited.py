# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch

from parl_policy.networks.observation_encoder import VisionConfig
from parl_policy.networks.picture_encoder import EncoderConfig
from parl_policy.observations import ObservationNeeds, Observations, PictureConfig
from parl_policy.policies.edited import EditedPolicy, EditedPolicyConfig
from parl_policy.policies.registry import POLICY_CLASSES
from parl_policy.policy import ActionSpec, ReparameterisedPolicy

SPEC = ActionSpec(horizon=1, dim=3, binary=(2,))


def new_policy(seed=0, **settings):
    torch.manual_seed(seed)
    build, config_class = POLICY_CLASSES['edited']
    base = {'hidden': 8, 'blocks': 1, 'dropout': 0.0}
    return build(4, SPEC, config_class(base=base, hidden=(16, 16), **settings))


@pytest.fixture
def policy():
    return new_policy()


def test_it_is_a_policy(policy):
    assert isinstance(policy, ReparameterisedPolicy)


@pytest.mark.parametrize(('count', 'base'), [(1, 1), (2, 1), (5, 3), (8, 4)])
def test_half_of_the_samples_are_edited(policy, count, base):
    context = policy.encode(torch.randn(6, 4))
    found = policy.sample(context, count, torch.Generator().manual_seed(1))
    expected = policy.base.sample(context[1], base, torch.Generator().manual_seed(1))
    assert found.shape == (6, count, 3)
    assert torch.equal(found[:, :base], expected)
    edits = found[:, base:] - expected[:, : count - base]
    assert edits.abs().max() <= 0.1 + 1e-6 if count > 1 else edits.numel() == 0
    assert not edits[..., 2].any()
    if count > 1:
        assert edits[..., :2].any()
    assert found.abs().max() <= 1.0


def test_an_edit_by_hand(policy):
    """Mean 0.5, deviation e⁻¹, noise z: the action moves by 0.1 · tanh(0.5 + z / e)."""
    policy.network[-1].weight.data.zero_()
    policy.network[-1].bias.data = torch.tensor([0.5, 0.5, 0.5, -1.0, -1.0, -1.0])
    actions = torch.tensor([[[0.2, 0.95, 1.0]]])
    noise = torch.randn((1, 1, 3), generator=torch.Generator().manual_seed(2))[0, 0].tolist()
    found, log_probs = policy._edit(torch.zeros(1, 4), actions, torch.Generator().manual_seed(2))
    log_prob = 0.0
    for entry, start in ((0, 0.2), (1, 0.95)):
        u = 0.5 + math.exp(-1.0) * noise[entry]
        assert found[0, 0, entry].item() == pytest.approx(min(start + 0.1 * math.tanh(u), 1.0))
        density = math.exp(-0.5 * noise[entry] ** 2) / (math.exp(-1.0) * math.sqrt(2 * math.pi))
        log_prob += math.log(density / (1.0 - math.tanh(u) ** 2))
    assert found[0, 0, 2] == 1.0
    assert log_probs.item() == pytest.approx(log_prob, rel=1e-5)


def test_imitation_reaches_the_base_and_q_the_edits(policy):
    context = policy.encode(torch.randn(6, 4))
    generator = torch.Generator().manual_seed(0)
    policy.loss(context, torch.zeros(6, 1, 3), None, generator).mean().backward()
    assert all(parameter.grad is None for parameter in policy.network.parameters())
    assert all(parameter.grad is not None for parameter in policy.base.trainable_parameters())
    policy = new_policy()
    actions, _ = policy.rsample(policy.encode(torch.randn(6, 4)), 2, generator)
    actions.sum().backward()
    assert all(parameter.grad is not None for parameter in policy.network.parameters())
    assert all(parameter.grad is None for parameter in policy.base.trainable_parameters())


def test_edits_learn_to_raise_q(policy):
    """Q falls with the distance to (0.4, -0.4): edits learn to point there, as far as they may."""
    target = torch.tensor([0.4, -0.4, 0.0])
    optimiser = torch.optim.Adam(policy.network.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)

    def distance(actions):
        return (actions - target)[..., :2].abs().sum(-1)

    for _ in range(150):
        actions, _ = policy.rsample(policy.encode(torch.randn(64, 4, generator=generator)), 1,
                                    generator)  # fmt: skip
        optimiser.zero_grad()
        distance(actions).mean().backward()
        optimiser.step()
    samples = policy.sample(policy.encode(torch.randn(500, 4)), 2, generator)
    gained = distance(samples[:, 0]) - distance(samples[:, 1])
    assert gained.mean() > 0.15
    assert gained.max() <= 0.2 + 1e-6


def test_state_comes_back_whole(policy):
    other = new_policy(seed=1)
    policy.fit_normalisation(torch.randn(30, 4) * 3.0)
    other.load_state_dict(policy.state_dict())
    observations = torch.randn(5, 4)
    samples = [
        p.sample(p.encode(observations), 4, torch.Generator().manual_seed(3))
        for p in (policy, other)
    ]
    assert torch.equal(*samples)


def test_impossible_settings_are_refused():
    with pytest.raises(ValueError, match=r'edit_scale must lie in \(0, 2\]'):
        EditedPolicyConfig(edit_scale=0.0)


def test_any_base_will_do():
    class Fixed:
        """Always 0.3, and what it is asked for."""

        action_spec = SPEC

        def sample(self, context, count, generator):
            return torch.full((len(context), count, 3), 0.3)

        def encode(self, observations):
            return observations

    policy = EditedPolicy(Fixed(), 4, EditedPolicyConfig(edit_scale=0.2), ObservationNeeds())
    found = policy.sample(policy.encode(torch.zeros(2, 4)), 2, torch.Generator().manual_seed(0))
    assert (found[:, 0] == 0.3).all()


VISION = VisionConfig(
    pictures={'wrist': PictureConfig(size=(16, 16))}, encoder=EncoderConfig(widths=(4,))
)
BASE_NEEDS = ObservationNeeds({'front': PictureConfig(size=(8, 8))}, instruction=True)


@pytest.mark.parametrize('vision', [None, VISION])
@pytest.mark.parametrize('needs', [ObservationNeeds(), BASE_NEEDS])
def test_each_part_is_given_what_it_needs(vision, needs):
    class Noting:
        action_spec = SPEC

        def encode(self, observations):
            return observations

    policy = EditedPolicy(Noting(), 4, EditedPolicyConfig(vision=vision), needs)
    pictures = {
        'front': torch.ones(2, 8, 8, 3, dtype=torch.uint8),
        'wrist': torch.zeros(2, 16, 16, 3, dtype=torch.uint8),
    }
    seen = Observations(torch.randn(2, 4), pictures, ('put it', 'there'))
    features, given = policy.encode(seen)
    assert features.shape == (2, policy.normaliser.features)
    if needs.is_only_numbers:
        assert torch.equal(given, seen.numbers)
    else:
        assert list(given.pictures) == ['front']
        assert given.instructions == seen.instructions
        assert torch.equal(given.numbers, seen.numbers)
    if vision is None:
        assert torch.equal(features, policy.normaliser(seen.numbers))


def test_the_base_examines_itself_on_its_own_context(policy):
    context = policy.encode(torch.randn(1, 4))
    assert list(policy.examine(context)) == []
    policy.base.examine = lambda given: [given]
    assert list(policy.examine(context)) == [context[1]]
