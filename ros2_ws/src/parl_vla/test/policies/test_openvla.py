# SPDX-License-Identifier: Apache-2.0
"""What OpenVLA does beyond every policy: it sees, reads, remembers and shares memory."""

import math

import pytest
from tiny_vla import CAMERA, generator, LONG, make_policy, move_adapters, SHORT, SPEC, states
import torch

from parl_files.config_file import ConfigError
from parl_policy.observations import Observations, PictureConfig
from parl_policy.policy import ActionSpec
from parl_vla.adapters.lora import LoraConfig
from parl_vla.openvla import base
from parl_vla.openvla.action_bins import ActionStatisticsError
from parl_vla.policies import openvla
from parl_vla.policies.openvla import OpenVLAPolicyConfig


@pytest.fixture
def policy(tiny_folder):
    base.load_base.cache_clear()  # no pictures remembered
    return make_policy(tiny_folder)


def seen(shade, instruction):
    picture = torch.full((1, 28, 28, 3), shade, dtype=torch.uint8)
    return Observations(torch.zeros(1, 4), {CAMERA: picture}, (instruction,))


def draw(policy, observations, count=16, seed=0):
    uniform = torch.rand(len(observations), count, SPEC.flat_dim, generator=generator(seed))
    return policy.draw(policy.encode(observations), uniform)


def test_black_is_not_white(policy):
    """A broken port ignores the picture without a word, and always does the same."""
    black, _ = draw(policy, seen(0, SHORT))
    white, _ = draw(policy, seen(255, SHORT))
    assert (black != white).float().mean() > 0.5


def test_other_words_other_actions(policy):
    short, _ = draw(policy, seen(128, SHORT))
    long, _ = draw(policy, seen(128, LONG))
    assert (short != long).float().mean() > 0.5


class CountedTowers(torch.nn.Module):
    """The real towers, and how many pictures each call gave them."""

    def __init__(self, towers):
        super().__init__()
        self.towers, self.calls = towers, []

    def forward(self, pixels):
        self.calls.append(len(pixels))
        return self.towers(pixels)


@pytest.fixture
def towers(policy):
    counted = CountedTowers(policy.base.network.vision_backbone)
    policy.base.network.vision_backbone = counted
    return counted


def test_a_picture_is_seen_once(policy, towers):
    observations = states(3)
    first = policy.encode(observations).features
    again = policy.encode(observations[torch.tensor([2, 0, 0])]).features
    assert torch.equal(again, first[[2, 0, 0]])
    assert len(towers.calls) == 1
    policy.encode(states(5))  # 5 others: another size of the batch draws others
    assert len(towers.calls) == 2


def test_pictures_are_seen_in_blocks_of_one_size(policy, towers):
    together = policy.encode(states(20)).features
    assert towers.calls == [base.PICTURES_AT_ONCE] * 2
    expected = towers.towers(policy.base.preprocessor(states(20).pictures[CAMERA]))
    torch.testing.assert_close(together, expected, atol=1e-5, rtol=1e-5)
    policy.base._seen.clear()
    torch.testing.assert_close(
        policy.encode(states(20)[:7]).features, together[:7], rtol=0, atol=0
    )


def test_memory_of_pictures_has_an_end(policy, towers, monkeypatch):
    one = 4 * 48 * 4  # bytes of the features of a picture
    monkeypatch.setattr(base, 'SEEN_BYTES', 2 * one)
    observations = states(3)
    policy.encode(observations)
    assert len(policy.base._seen) == 2
    policy.encode(observations[1:])  # the two that were seen last
    assert len(towers.calls) == 1
    policy.encode(observations[:1])
    assert len(towers.calls) == 2


def test_little_memory_gives_the_same_draws(policy, monkeypatch):
    observations = states(5)
    bins, log_probs = draw(policy, observations)
    assert policy.states_at_once(16) > 5
    # 4 patches, 32 ids and 16 · 6 tokens; 2 layers of 4 heads of 8, keys and values, 4 bytes each.
    one = (4 + 32 + 16 * 6) * 2 * 2 * 32 * 4
    for states_at_once in (1, 2, 3):
        monkeypatch.setattr(openvla, 'MEMORY_BYTES', states_at_once * one + 1)
        assert policy.states_at_once(16) == states_at_once
        same_bins, same_log_probs = draw(policy, observations)
        assert torch.equal(same_bins, bins)
        torch.testing.assert_close(same_log_probs, log_probs, atol=1e-5, rtol=0.0)
    monkeypatch.setattr(openvla, 'MEMORY_BYTES', 1)
    assert policy.states_at_once(16) == 1


def test_a_hard_label_is_the_cross_entropy_of_the_token(policy):
    """By hand: the probability of an action is that of its draws."""
    observations = states(2)
    bins, log_probs = draw(policy, observations, count=8)
    actions = SPEC.snap(policy.code.actions(bins))
    context = policy.encode(observations)
    alone = torch.stack(
        [policy.loss(context, actions[:, i : i + 1], None, generator()) for i in range(8)], dim=1
    )
    # Left out: bins 0 and 1 stand for the same number, and numbers beyond [-1, 1] are cut.
    same = (policy.tokens(actions) == bins).all(-1)
    assert same.any()
    torch.testing.assert_close(alone[same], -log_probs[same], atol=1e-4, rtol=1e-5)


def test_a_wide_label_is_the_expected_cross_entropy(tiny_folder):
    policy = make_policy(tiny_folder, label_width=3.0)
    hard = make_policy(tiny_folder)
    context, target = policy.encode(states(1)), torch.tensor([[[0.2, -0.1, 0.1, 0, 0, 0, 1.0]]])
    labels = policy.code.labels(target, 3.0)[0, 0]
    expected, bins = 0.0, policy.tokens(target)[0, 0]
    prefix = policy._prefix(context)
    log_probs = openvla.packed_log_probabilities(
        policy.network.language_model, prefix, policy.rules, bins.view(1, 1, -1)
    )[0, 0].detach()
    for number in range(7):
        for each in labels[number].nonzero().flatten().tolist():
            expected -= float(labels[number, each] * log_probs[number, each])
    soft = policy.loss(context, target, None, generator()).item()
    assert soft == pytest.approx(expected, rel=1e-5)
    assert soft != pytest.approx(hard.loss(context, target, None, generator()).item(), rel=1e-3)


def test_the_loss_of_its_own_draws_is_how_unlikely_they_were(tiny_folder):
    """Taught at another temperature, a policy would sharpen on its own samples."""
    policy = make_policy(tiny_folder, temperature=0.5)
    context = policy.encode(states(3))
    bins, log_probs = policy.draw(context, torch.rand(3, 64, 7, generator=generator(5)))
    targets = policy.actions(bins)
    kept = (policy.tokens(targets) == bins).all(-1).float()  # others lie beyond ±1, or on bin 0
    weights = kept / kept.sum(1, keepdim=True)
    expected = -(weights * log_probs).sum(1)
    torch.testing.assert_close(policy.loss(context, targets, weights, generator()), expected)


def test_top_k_does_not_change_what_it_learns(tiny_folder):
    """A target beyond the likeliest bins has a loss."""
    plain = make_policy(tiny_folder)
    narrow = make_policy(tiny_folder, top_k=5)
    targets = torch.rand(3, 2, 7, generator=generator(2)) * 2.0 - 1.0
    losses = [
        each.loss(each.encode(states(3)), targets, None, generator()) for each in (plain, narrow)
    ]
    assert losses[1].isfinite().all()
    torch.testing.assert_close(*losses)
    bins, _ = draw(narrow, states(1), count=100)
    assert len(bins[0, :, 0].unique()) <= 5
    assert len(draw(plain, states(1), count=100)[0][0, :, 0].unique()) > 5


def test_one_target_is_learnt_in_sixty_steps(policy):
    observations, target = states(2), torch.tensor([0.5, -0.4, 0.2, -0.3, 0.6, 0.1, -1.0])
    context, targets = policy.encode(observations), target.expand(2, 1, 7)
    optimiser = torch.optim.Adam(policy.trainable_parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = policy.loss(context, targets, None, generator()).mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] > 20.0
    assert losses[-1] < 0.2 * losses[0]
    samples = policy.sample(context, 64, generator())
    assert ((samples - target).abs() < 0.02).float().mean() > 0.9


def test_samples_are_what_draws_stand_for(policy):
    move_adapters(policy)
    context = policy.encode(states(2))
    samples = policy.sample(context, 8, generator(3))
    bins, log_probs = policy.draw(context, torch.rand(2, 8, 7, generator=generator(3)))
    torch.testing.assert_close(samples, SPEC.snap(policy.code.actions(bins)))
    assert log_probs.shape == (2, 8)
    assert not log_probs.requires_grad


def test_it_costs_no_more_than_256_bins_and_a_gripper(policy):
    # A network that writes every token alike: 6 numbers of 256 tokens and a gripper of 2.
    state = policy.network.language_model.lm_head.weight
    before = state.clone()
    try:
        state.zero_()
        loss = policy.loss(policy.encode(states(1)), torch.zeros(1, 1, 7), None, generator())
    finally:
        state.copy_(before)
    assert loss.item() == pytest.approx(6 * math.log(256) + math.log(2), abs=1e-4)


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'pictures': {}}, 'must name one camera'),
        ({'pictures': dict.fromkeys('ab', PictureConfig())}, 'must name one camera'),
        ({'temperature': 0.0}, 'temperature must be above 0'),
        ({'label_width': -1.0}, 'label_width 0 or more'),
        ({'top_k': 0}, 'top_k must be at least 1'),
        ({'precision': 'float16'}, "precision is 'float16'"),
    ],
)
def test_wrong_settings_are_refused(wrong, message):
    fields = {'model': 'm', 'pictures': {CAMERA: PictureConfig()}} | wrong
    with pytest.raises(ValueError, match=message):
        OpenVLAPolicyConfig(**fields)


def test_what_it_cannot_write_is_refused(tiny_folder):
    with pytest.raises(ConfigError, match='writes 7 numbers, the last one a gripper'):
        make_policy(tiny_folder, spec=ActionSpec(horizon=1, dim=3, binary=(2,)))
    with pytest.raises(ConfigError, match='writes 7 numbers, the last one a gripper'):
        make_policy(tiny_folder, spec=ActionSpec(horizon=1, dim=7))
    with pytest.raises(ActionStatisticsError, match=r"\['bridge_orig', 'other'\]"):
        make_policy(tiny_folder, unnorm_key='mine')


def test_bfloat16_weights_leave_adapters_exact(tiny_folder):
    policy = make_policy(tiny_folder, precision='bfloat16', lora=LoraConfig(rank=2, alpha=2))
    context = policy.encode(states(2))
    assert context.features.dtype == torch.bfloat16
    loss = policy.loss(context, torch.zeros(2, 1, 7), None, generator())
    loss.sum().backward()
    kinds = {each.grad.dtype for each in policy.trainable_parameters()}
    assert kinds == {torch.float32}
    exact = make_policy(tiny_folder)
    expected = exact.loss(exact.encode(states(2)), torch.zeros(2, 1, 7), None, generator())
    torch.testing.assert_close(loss, expected, rtol=0.1, atol=0.0)
