# SPDX-License-Identifier: Apache-2.0
import torch

from parl_policy.networks.observation_normaliser import ObservationNormaliser


def test_hand_computed_scaling():
    normaliser = ObservationNormaliser(3)
    wild = torch.tensor([[7.0, -9.0, 0.5]])
    torch.testing.assert_close(normaliser(wild), torch.tensor([[5.0, -5.0, 0.5]]))
    # Means 2, 0, 4; sample standard deviations 2, 1 and 0, which is raised to 0.01.
    normaliser.fit(torch.tensor([[0.0, -1.0, 4.0], [2.0, 0.0, 4.0], [4.0, 1.0, 4.0]]))
    seen = normaliser(torch.tensor([[3.0, -2.0, 4.02], [100.0, 0.0, 3.0]]))
    expected = torch.tensor([[0.5, -2.0, 2.0], [5.0, 0.0, -5.0]])
    torch.testing.assert_close(seen, expected, atol=1e-4, rtol=0)


def test_statistics_travel_with_the_weights():
    normaliser, other = ObservationNormaliser(2), ObservationNormaliser(2)
    normaliser.fit(torch.tensor([[0.0, 1.0], [2.0, 5.0]]))
    other.load_state_dict(normaliser.state_dict())
    point = torch.tensor([[1.5, 2.0]])
    assert torch.equal(normaliser(point), other(point))
    assert not torch.equal(normaliser(point), point)
