# SPDX-License-Identifier: Apache-2.0
"""Ids and numbers as OpenVLA's own tokenizer of actions has them, by hand."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from tiny_vla import DATASETS, STATISTICS
import torch

from parl_vla.openvla.action_bins import (
    action_ids,
    action_statistics,
    ActionStatisticsError,
    BIN_WIDTH,
    bins_of,
    centres,
    possible_bins,
)

FIRST = action_ids(32000).start


def ids_of(*numbers):
    return (bins_of(torch.tensor(numbers)) + FIRST).tolist()


def statistics(**changed):
    return action_statistics({'a': {'action': STATISTICS | changed}}, 'a', 7)


def test_ids_are_the_last_of_the_vocabulary_and_fall():
    assert action_ids(32000) == slice(31744, 32000)
    assert ids_of(1.0, -1.0, 0.0, 0.003, 0.005, -0.005) == [
        31744, 31999, 31872, 31872, 31871, 31873,
    ]  # fmt: skip
    assert ids_of(3.0, -3.0) == [31744, 31999]


def test_numbers_on_an_edge_get_the_bin_of_numpy():
    edges = np.linspace(-1.0, 1.0, 256)
    expected = 32000 - np.digitize(edges, edges)
    found = bins_of(torch.as_tensor(edges)) + FIRST
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found, np.arange(31999, 31743, -1))


def test_every_bin_has_the_centre_of_the_release():
    # Its decoder takes the centre of index 32000 - id - 1, clipped to 0…254.
    edges = np.linspace(-1.0, 1.0, 256)
    middle = (edges[:-1] + edges[1:]) / 2
    expected = [middle[min(max(32000 - (FIRST + b) - 1, 0), 254)] for b in range(256)]
    np.testing.assert_allclose(centres(), expected, atol=1e-7)
    assert centres()[0] == centres()[1] == pytest.approx(0.99608, abs=1e-5)
    assert centres()[255] == pytest.approx(-0.99608, abs=1e-5)
    assert pytest.approx(2.0 / 255.0) == BIN_WIDTH
    assert bins_of(centres())[1:].tolist() == list(range(1, 256))


@given(st.floats(-1.0, 1.0))
def test_a_number_comes_back_within_half_a_bin(number):
    back = centres()[bins_of(torch.tensor([number], dtype=torch.float64))]
    assert abs(back.item() - number) <= 0.00393


def test_actions_are_scaled_between_the_quantiles():
    ranges = statistics()
    actions = np.array([ranges.low, ranges.high, (ranges.low + ranges.high) / 2])
    actions[:, 6] = [0.0, 1.0, 0.3]
    expected = np.array([[-1.0] * 6 + [0.0], [1.0] * 6 + [1.0], [0.0] * 6 + [0.3]])
    np.testing.assert_allclose(ranges.normalise(actions), expected, atol=1e-5)
    np.testing.assert_allclose(ranges.restore(expected), actions, atol=1e-12)
    beyond = np.array([9.0, -9.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    assert ranges.normalise(beyond)[:2].tolist() == [1.0, -1.0]


def test_a_number_without_a_range_is_zero_and_comes_back():
    low, high = list(STATISTICS['q01']), list(STATISTICS['q99'])
    low[3] = high[3] = 0.1
    ranges = statistics(q01=low, q99=high)
    assert ranges.normalise(np.full(7, 0.5))[3] == 0.0
    assert ranges.restore(np.full(7, 0.5))[3] == pytest.approx(0.1)
    possible = possible_bins(ranges, [(0.0, 1.0)])
    assert possible[3].nonzero().tolist() == [[128]]


def test_a_gripper_has_two_ids():
    possible = possible_bins(statistics(), [(0.0, 1.0)])
    assert (possible[6].nonzero().flatten() + FIRST).tolist() == [31744, 31872]  # open, closed
    assert possible[:6].all()


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        ({'q01': [0.0] * 6}, 'are of 6, 7 and 7 numbers'),
        ({'mask': [True]}, 'are of 7, 7 and 1 numbers'),
        ({'q99': [-9.0] * 7}, "statistics of 'a' are no ranges"),
        ({'q99': [float('nan')] * 7}, "statistics of 'a' are no ranges"),
    ],
)
def test_wrong_statistics_are_refused(changed, message):
    with pytest.raises(ActionStatisticsError, match=message):
        statistics(**changed)


def test_an_unknown_dataset_is_refused_with_those_that_there_are():
    with pytest.raises(ActionStatisticsError, match=r"'mine' is not .*\['bridge_orig', 'other'\]"):
        action_statistics(DATASETS, 'mine', 7)
    assert action_statistics(DATASETS, 'other', 7).scaled.all()
