# SPDX-License-Identifier: Apache-2.0

import pytest
import torch

from parl_policy.acting.action_optimisation import (
    ActionOptimisationConfig,
    climb,
    keep_best,
    optimise_actions,
    Particles,
)
from parl_policy.policy import ActionSpec

PLANE, LINE = ActionSpec(1, 2).kinds(), ActionSpec(1, 1).kinds()


def settings(**changes):
    return ActionOptimisationConfig(
        **({'samples': 1, 'particles': 1, 'gradient_steps': 10} | changes)
    )


def climbed(q_function, start, movable=None, **changes):
    start = torch.as_tensor(start, dtype=torch.float32)
    if movable is None:
        movable = torch.ones(start.shape[-1], dtype=torch.bool)
    return climb(q_function, start, settings(**changes), movable)


def quadratic(optimum, curvature=100.0):
    """Q = -curvature/2 · |a - optimum|²."""
    optimum = torch.tensor(optimum)
    return lambda actions: -curvature / 2.0 * (actions - optimum).square().sum(-1)


def test_defaults_are_the_papers():
    config = ActionOptimisationConfig()
    assert (config.samples, config.particles, config.gradient_steps) == (32, 10, 10)
    assert config.step_size == 3e-4
    assert config.acceptance == 'best_of_trajectory'


def test_quadratic_critic_by_hand():
    """Each step shrinks the distance by 1 - 3e-4 · 100 = 0.97; 0.97^10 = 0.7374241."""
    start = [[[0.9, -0.6], [0.2, 0.4]]]
    found = climbed(quadratic([0.2, 0.4]), start)
    expected = [0.2 + 0.7 * 0.7374241, 0.4 - 1.0 * 0.7374241]
    torch.testing.assert_close(found.actions[0, 0], torch.tensor(expected), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.actions[0, 1], torch.tensor([0.2, 0.4]))
    value = -50.0 * (0.7**2 + 1.0) * 0.7374241**2
    torch.testing.assert_close(found.values, torch.tensor([[value, 0.0]]), atol=1e-4, rtol=0)


def test_each_step_is_clipped():
    """Optimum outside: 1 in the first entry after two steps; the second is not held back."""
    found = climbed(quadratic([3.0, 0.5], 1000.0), [[[0.0, 0.0]]], gradient_steps=2)
    # Steps of 0.3 · (a* - a): 0 -> 0.9 -> 0.9 + 0.3 · 2.1 = 1.53, clipped; 0 -> 0.15 -> 0.255.
    torch.testing.assert_close(found.actions, torch.tensor([[[1.0, 0.255]]]))
    expected = -500.0 * (2.0**2 + 0.245**2)  # the value of the clipped action
    torch.testing.assert_close(found.values, torch.tensor([[expected]]))
    lower = climbed(quadratic([-3.0, 0.5], 1000.0), [[[0.0, 0.0]]], gradient_steps=5)
    assert lower.actions[0, 0, 0] == -1.0


def wave(actions):
    """Q = sin(10 a); with steps of 0.04: a = 0, 0.4, 0.138543, 0.212267.

    Q = 0, -0.756802, 0.982868, 0.851544: worse, then best, then worse again.
    """
    return torch.sin(10.0 * actions).squeeze(-1)


@pytest.mark.parametrize(
    ('acceptance', 'steps', 'action', 'value'),
    [
        ('best_of_trajectory', 1, 0.0, 0.0),
        ('best_of_trajectory', 2, 0.138543, 0.982868),
        ('best_of_trajectory', 3, 0.138543, 0.982868),
        ('stop_at_first_failure', 1, 0.0, 0.0),
        ('stop_at_first_failure', 3, 0.0, 0.0),
    ],
)
def test_acceptance_rules_differ_where_a_step_overshoots(acceptance, steps, action, value):
    found = climbed(wave, [[[0.0]]], gradient_steps=steps, step_size=0.04, acceptance=acceptance)
    assert found.actions.item() == pytest.approx(action, abs=1e-5)
    assert found.values.item() == pytest.approx(value, abs=1e-4)


def test_stopping_is_a_matter_of_each_particle():
    """Curvatures of 10,000 (a step leads to -2 a: worse) and 100 (a step leads to 0.97 a)."""
    curvature = torch.tensor([[1e4, 1e2]])
    found = climbed(
        lambda a: -curvature / 2.0 * a.squeeze(-1).square(),
        [[[0.1], [0.1]]],
        gradient_steps=3,
        acceptance='stop_at_first_failure',
    )
    expected = torch.tensor([[0.1, 0.1 * 0.97**3]])
    torch.testing.assert_close(found.actions.squeeze(-1), expected)


def test_of_equal_values_the_latest_counts():
    found = climbed(lambda a: (a - a.detach()).sum(-1), [[[0.2]]], step_size=0.01)
    assert found.actions.item() == pytest.approx(0.3, abs=1e-6)


def test_no_steps_is_global_optimisation_only():
    found = climbed(quadratic([0.0, 0.0]), [[[0.5, 0.5]]], gradient_steps=0)
    assert found.actions.tolist() == [[[0.5, 0.5]]]
    assert found.values.item() == pytest.approx(-25.0)


def test_binary_entries_never_move():
    found = climbed(quadratic([0.0, 0.0]), [[[0.5, 1.0]]], movable=torch.tensor([True, False]))
    assert found.actions[0, 0, 1] == 1.0
    assert found.actions[0, 0, 0].item() == pytest.approx(0.5 * 0.7374241)


def test_keep_best_sorts_each_state_by_value():
    candidates = torch.tensor([[[0.1], [0.9], [0.4]], [[-0.5], [-0.6], [0.0]]])
    best = keep_best(lambda a: a.squeeze(-1), candidates, 2)
    expected = torch.tensor([[0.9, 0.4], [0.0, -0.5]])
    assert torch.equal(best.actions.squeeze(-1), expected)
    assert torch.equal(best.values, expected)


def test_optimise_ranks_climbs_and_leaves_no_gradient():
    weight = torch.tensor(100.0, requires_grad=True)
    candidates = torch.tensor([[[0.9, 0.0], [0.1, 0.0], [-0.4, 0.0]]])
    found = optimise_actions(
        lambda a: -weight / 2.0 * a.square().sum(-1),
        candidates,
        settings(samples=3, particles=2),
        PLANE,
        torch.Generator(),
    )
    expected = torch.tensor([[0.1, -0.4]]) * 0.7374241
    torch.testing.assert_close(found.actions[..., 0], expected, atol=1e-6, rtol=0)
    assert not found.actions.requires_grad
    assert not found.values.requires_grad
    assert weight.grad is None
    assert candidates[0, 0, 0] == torch.tensor(0.9), 'candidates are left as they were'


def test_the_rare_peak_is_found_at_the_rate_of_32_samples():
    """Proposals hit the high peak with probability 0.1: 1 - 0.9^32 = 0.96566 of the states.

    4,000 states: standard deviation 0.0029, tolerance four of them.
    """
    generator = torch.Generator().manual_seed(0)
    count, config = 4000, ActionOptimisationConfig()
    rare = torch.rand(count, config.samples, 1, generator=generator) < 0.1
    noise = 0.05 * torch.randn(count, config.samples, 1, generator=generator)
    candidates = torch.where(rare, 0.5, -0.5) + noise

    def two_peaks(actions):
        low = 1.0 * torch.exp(-((actions + 0.5) ** 2) / 0.02)
        high = 2.0 * torch.exp(-((actions - 0.5) ** 2) / 0.02)
        return (low + high).squeeze(-1)

    found = optimise_actions(two_peaks, candidates, config, LINE, torch.Generator()).argmax()
    rate = (found > 0.0).float().mean().item()
    assert rate == pytest.approx(1.0 - 0.9**32, abs=4 * 0.0029)


def test_softmax_draws_in_proportion_to_exp_q():
    values = torch.tensor([[0.1, 0.2, 0.7], [0.8, 0.1, 0.1]]).log() - 50.0
    particles = Particles(torch.tensor([[[0.0], [1.0], [2.0]]] * 2), values)
    generator = torch.Generator().manual_seed(0)
    drawn = particles.sample(10_000, generator).squeeze(-1)
    assert drawn.shape == (2, 10_000)
    frequencies = torch.stack([(drawn == i).float().mean(1) for i in range(3)], dim=1)
    torch.testing.assert_close(frequencies, values.softmax(1), atol=0.02, rtol=0)
    assert torch.equal(particles.argmax(), torch.tensor([[2.0], [0.0]]))


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'particles': 33}, 'particles must lie in 1…samples: 33 of 32'),
        ({'particles': 0}, 'particles must lie in 1…samples'),
        ({'gradient_steps': -1}, 'gradient_steps must be >= 0'),
        ({'step_size': 0.0}, 'step_size > 0'),
    ],
)
def test_impossible_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        ActionOptimisationConfig(**wrong)


@pytest.mark.parametrize('proposals', ['policy', 'uniform'])
def test_what_a_policy_never_moves_stays(proposals):
    """A VLA whose data never turn the gripper: the critic's slope there is noise, and tilts it."""
    kinds = ActionSpec(2, 3, binary=(2,), still=(1,)).kinds()
    assert kinds.movable.tolist() == [True, False, False] * 2
    assert kinds.binary.tolist() == [False, False, True] * 2
    candidates = torch.tensor([[[0.1, 0.25, 1.0, -0.2, 0.25, -1.0]]]).repeat(1, 8, 1)
    found = optimise_actions(
        lambda a: 100.0 * a.sum(-1),
        candidates,
        settings(samples=8, particles=2, proposals=proposals, cem_iterations=2),
        kinds,
        torch.Generator().manual_seed(0),
    ).actions
    assert (found[..., [1, 4]] == 0.25).all()
    assert set(found[..., [2, 5]].unique().tolist()) <= {-1.0, 1.0}
    if proposals == 'policy':  # ten steps of 3e-4 · 100
        torch.testing.assert_close(found[..., [0, 3]], torch.tensor([0.4, 0.1]).expand(1, 2, 2))


@pytest.mark.parametrize('proposals', ['policy', 'uniform'])
def test_uniform_proposals_forget_the_policy(proposals):
    """Best of 64 samples near -0.5, or of 64 from everywhere, where Q peaks at 0.8."""
    candidates = torch.full((200, 64, 1), -0.5)
    config = settings(samples=64, particles=1, gradient_steps=0, proposals=proposals)
    found = optimise_actions(
        lambda a: -(a - 0.8).abs().sum(-1),
        candidates,
        config,
        LINE,
        torch.Generator().manual_seed(0),
    ).actions
    if proposals == 'policy':
        assert (found == -0.5).all()
    else:
        assert (found - 0.8).abs().mean() < 0.05


def test_cem_needs_particles_to_fit():
    with pytest.raises(ValueError, match='at least 2 particles to fit: 3 with 1'):
        settings(samples=4, particles=1, cem_iterations=3)
