# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings, strategies
import torch

from parl_policy.acting.cem import cem_population, uniform_population, within_bounds
from parl_policy.policy import ActionSpec

NONE = torch.zeros(2, dtype=torch.bool)
ALL = ActionSpec(1, 2).kinds()


def q_near(target):
    return lambda actions: -(actions - torch.tensor(target)).square().sum(-1)


def test_one_refit_by_hand():
    """Elites 0.2 and 0.4 of Q = a: mean 0.3, deviation 0.1; they stay, two are drawn anew."""
    start = torch.tensor([[[-0.5], [0.4], [0.2], [0.0]]])
    noise = torch.randn((1, 2, 1), generator=torch.Generator().manual_seed(3))
    found = cem_population(
        lambda actions: actions.squeeze(-1),
        start,
        2,
        1,
        NONE[:1],
        torch.Generator().manual_seed(3),
    )
    expected = torch.cat([torch.tensor([[[0.4], [0.2]]]), 0.3 + 0.1 * noise], dim=1)
    torch.testing.assert_close(found, expected)


def test_nothing_happens_without_iterations():
    start = torch.rand(2, 5, 2)
    assert torch.equal(cem_population(q_near([0.0, 0.0]), start, 2, 0, NONE, None), start)


def test_it_finds_the_best_action():
    target = [0.7, -0.3]
    generator = torch.Generator().manual_seed(0)
    start = uniform_population(torch.empty(20, 64, 2), ALL, generator)
    found = cem_population(q_near(target), start, 8, 12, NONE, generator)
    best = found[torch.arange(20), q_near(target)(found).argmax(1)]
    torch.testing.assert_close(best, torch.tensor(target).expand(20, 2), atol=0.03, rtol=0)


@settings(max_examples=40, deadline=None)
@given(strategies.integers(0, 10**6), strategies.integers(1, 4), strategies.integers(2, 6))
def test_the_best_never_gets_worse(seed, iterations, elites):
    generator = torch.Generator().manual_seed(seed)
    start = uniform_population(torch.empty(3, 8, 2), ALL, generator)
    weights = torch.randn(2, 4, generator=generator)

    def q_function(actions):
        return (actions @ weights).sin().sum(-1)

    found = cem_population(q_function, start, elites, iterations, NONE, generator)
    assert (q_function(found).amax(1) >= q_function(start).amax(1) - 1e-6).all()
    assert found.shape == start.shape
    assert found.abs().max() <= 1.0


def test_binary_entries_stay_binary():
    kinds = ActionSpec(1, 2, binary=(1,)).kinds()
    generator = torch.Generator().manual_seed(0)
    start = uniform_population(torch.empty(50, 16, 2), kinds, generator)
    assert set(start[..., 1].unique().tolist()) == {-1.0, 1.0}
    found = cem_population(q_near([0.0, 1.0]), start, 4, 5, kinds.binary, generator)
    assert set(found[..., 1].unique().tolist()) <= {-1.0, 1.0}
    assert (found[..., 1] == 1.0).float().mean() > 0.95


def test_bounds_by_hand():
    found = within_bounds(torch.tensor([[1.5, 0.2], [-3.0, -0.1]]), torch.tensor([False, True]))
    torch.testing.assert_close(found, torch.tensor([[1.0, 1.0], [-1.0, -1.0]]))
