# SPDX-License-Identifier: Apache-2.0
"""PARL's actions are shares of 0.05 m and 0.25 rad; a checkpoint's are of its dataset's range."""

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest
from tiny_vla import STATISTICS
import torch

from parl_vla.openvla.action_bins import action_statistics
from parl_vla.openvla.action_code import ActionCode

UNITS = np.array([0.05] * 3 + [0.25] * 3)
LOW, HIGH = np.array(STATISTICS['q01'])[:6] / UNITS, np.array(STATISTICS['q99'])[:6] / UNITS
"""The range of the statistics in PARL's units; the last but two is up to 1.2."""


def code(horizon=1, **changed):
    stored = {'a': {'action': STATISTICS | changed}}
    return ActionCode(action_statistics(stored, 'a', 7), horizon)


def test_bins_by_hand():
    # x: 0.25 · 0.05 m = 0.0125 m; 2 · 0.0525 / 0.09 - 1 = 1 / 6, and 127.5 · 7 / 6 = 148.75:
    # between the edges 148 and 149, which digitize calls 149.
    # yaw: 1 · 0.25 rad is q99: bin 0. y: -1 · 0.05 m is below q01: bin 255. roll 0: bin 128.
    bins = code().bins(torch.tensor([0.25, -1.0, 0.0, 0.0, 0.0, 1.0, -1.0]))
    assert bins[[0, 1, 3, 5]].tolist() == [256 - 149, 255, 128, 0]


def test_the_gripper_is_an_opening():
    gripper = torch.zeros(2, 7)
    gripper[:, 6] = torch.tensor([-1.0, 1.0])  # closed, open
    bins = code().bins(gripper)
    assert (bins[:, 6] + 31744).tolist() == [31872, 31744]
    # A bin's centre lies beside 0 and 1; a policy snaps it.
    np.testing.assert_allclose(code().actions(bins)[:, 6], [-1.0, 1.0], atol=0.01)


def test_what_never_moves_in_the_data_is_still():
    q01, q99 = list(STATISTICS['q01']), list(STATISTICS['q99'])
    q01[3] = q99[3] = 0.1 * 0.25
    still = code(horizon=2, q01=q01, q99=q99)
    assert still.still == (3,)
    assert code().still == ()
    actions = still.actions(torch.randint(256, (50, 14)))
    assert actions[:, [3, 10]].unique().tolist() == pytest.approx([0.1])


@settings(max_examples=50)
@given(st.lists(st.floats(0.0, 1.0), min_size=6, max_size=6))
def test_an_action_comes_back_within_half_a_bin_of_its_range(shares):
    action = np.clip(LOW + np.array(shares) * (HIGH - LOW), -1.0, 1.0)
    flat = torch.tensor([*action, 1.0], dtype=torch.float32)
    back = code().actions(code().bins(flat)).numpy()
    half = (HIGH - LOW) / 255.0 / 2.0
    assert (np.abs(back[:6] - action) <= half * 1.001 + 1e-6).all()


def test_what_is_beyond_the_quantiles_gets_the_end_bins():
    ends = code().bins(torch.tensor([[1.0] * 7, [-1.0] * 7]))
    assert ends[0, 1:3].tolist() == [0, 0]  # 0.05 m where q99 is 0.03 and 0.02
    assert ends[1, :2].tolist() == [255, 255]
    back = code().actions(ends)
    assert back.abs().max() <= 1.0
    assert back[0, 2] == pytest.approx(0.4, abs=0.01)  # 0.02 m


def test_a_number_without_a_range_stands_for_its_value():
    low, high = list(STATISTICS['q01']), list(STATISTICS['q99'])
    low[1] = high[1] = 0.01
    fixed = code(q01=low, q99=high)
    bins = fixed.bins(torch.tensor([0.0, 0.7, 0.0, 0.0, 0.0, 0.0, 1.0]))
    assert bins[1] == 128
    assert fixed.possible[1].nonzero().tolist() == [[128]]
    assert fixed.actions(bins)[1] == pytest.approx(0.2)
    assert fixed.labels(torch.zeros(7), 2.0)[1, 128] == 1.0


def test_a_number_that_is_not_scaled_is_kept_as_it_is():
    # mask False: the token stands for metres themselves, whatever the quantiles are.
    plain = code(mask=[False] + [True] * 5 + [False])
    bins = plain.bins(torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]))
    assert bins[0] == 256 - np.digitize(0.05, np.linspace(-1, 1, 256))
    assert plain.actions(bins)[0] * 0.05 == pytest.approx(0.05, abs=0.004)


def test_each_step_of_a_chunk_has_the_same_code():
    actions = torch.rand(5, 7, generator=torch.Generator().manual_seed(0)) * 2.0 - 1.0
    one, three = code(), code(horizon=3)
    flat = actions[:3].flatten()
    torch.testing.assert_close(three.bins(flat), one.bins(actions[:3]).flatten())
    bins = three.bins(flat)
    torch.testing.assert_close(three.actions(bins), one.actions(one.bins(actions[:3])).flatten())
    assert three.possible.shape == (21, 256)


def test_labels_lie_around_the_exact_number():
    action = torch.tensor([0.1, 0.2, -0.2, 0.3, 0.4, 0.5, 1.0])
    exact = code().labels(action, 0.0)
    assert exact.argmax(-1).tolist() == code().bins(action).tolist()
    assert exact.sum() == 7.0
    wide = code().labels(action, 2.5)
    torch.testing.assert_close(wide.sum(-1), torch.ones(7))
    assert not wide[~code().possible].any()
    bins = torch.arange(256.0)
    normalised = 2.0 * (0.1 * 0.05 + 0.04) / 0.09 - 1.0
    place = 255.5 - (normalised + 1.0) / 2.0 * 255.0  # of the exact number, in bins
    mean = (wide[0] * bins).sum()
    assert mean == pytest.approx(place, abs=0.01)
    assert ((wide[0] * (bins - mean).square()).sum().sqrt()) == pytest.approx(2.5, abs=0.01)
    assert wide[6].nonzero().flatten().tolist() == [0]  # open; the other one is 127 bins away


def test_a_wide_label_counts_the_number_of_two_bins_once():
    """By hand, at the upper end of a range: bins 0 and 1 share what one of their centre has."""
    ends = torch.tensor([1.0] * 7)  # beyond q99 of all numbers but the last rotations
    wide = code().labels(ends, 1.5)[1]
    centres = [1.0 - (2 * max(each, 1) - 1) / 255.0 for each in range(256)]
    heights = np.exp(-0.5 * ((np.array(centres) - 1.0) / (1.5 * 2.0 / 255.0)) ** 2)
    heights[:2] /= 2.0
    np.testing.assert_allclose(wide, heights / heights.sum(), atol=1e-6)
    assert wide[0] == wide[1]
    lower = code().labels(-ends, 1.5)[1]
    assert wide[:2].sum() == pytest.approx(float(lower[255]), abs=1e-6), 'both ends count alike'
    hard = code().labels(ends, 0.0)[1]
    assert hard.nonzero().flatten().tolist() == [0], 'as released'
