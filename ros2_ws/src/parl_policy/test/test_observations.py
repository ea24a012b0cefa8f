# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
import torch

from parl_policy.observations import Observation, ObservationNeeds, Observations, PictureConfig

SHARES = st.floats(0.0, 1.0)


def test_the_part_that_is_seen():
    """By hand: rows 0.25…0.75 of 40 and columns 0.5…1 of 60, each 10 × 15 pixels a mean."""
    config = PictureConfig(size=(2, 2), rows=(0.25, 0.75), columns=(0.5, 1.0))
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[10:20, 30:45] = (10, 20, 30)
    picture[20:30, 45:60] = 90
    picture[:10] = picture[30:] = picture[:, :30] = 255
    seen = config.of(picture)
    np.testing.assert_array_equal(seen[:, :, 0], [[10, 0], [0, 90]])
    np.testing.assert_array_equal(seen[0, 0], [10, 20, 30])


@given(SHARES, SHARES, st.integers(1, 60), st.integers(1, 60))
def test_a_recorded_picture_either_does_or_is_too_small(first, last, height, wanted):
    if first >= last:
        with pytest.raises(ValueError, match='rows must be two rising shares'):
            PictureConfig(size=(wanted, 1), rows=(first, last))
        return
    config = PictureConfig(size=(wanted, 1), rows=(first, last))
    rows, _ = config.part((height, 8))
    assert bool(config.misfit((height, 8))) == (rows.stop - rows.start < wanted)
    if not config.misfit((height, 8)):
        assert config.of(np.zeros((height, 8, 3), np.uint8)).shape == (wanted, 1, 3)


def test_needs_of_two_together():
    small, large = PictureConfig(size=(8, 8)), PictureConfig(size=(16, 16))
    one = ObservationNeeds({'front': small})
    both = one.joined(ObservationNeeds({'wrist': large, 'front': small}, instruction=True))
    assert both == ObservationNeeds({'front': small, 'wrist': large}, instruction=True)
    with pytest.raises(ValueError, match=r"'front' .*16, 16.* and .*8, 8"):
        one.joined(ObservationNeeds({'front': large}))
    states = both.blank(3)
    part = one.part_of(states)
    assert list(part.pictures) == ['front']
    assert torch.equal(ObservationNeeds().part_of(states), states.numbers)
    assert one.part_of(states.numbers) is states.numbers


def test_numbers_alone_are_a_tensor():
    one = Observation(np.array([1.0, 2.0], np.float32))
    torch.testing.assert_close(one.for_needs(ObservationNeeds()), torch.tensor([[1.0, 2.0]]))
    assert ObservationNeeds().blank(3).shape == (1, 3)


def test_the_instruction_alone_may_be_needed():
    states = Observation(np.zeros(2, np.float32), {}, 'go').for_needs(
        ObservationNeeds(instruction=True)
    )
    assert (states.instructions, states.pictures) == (('go',), {})


def test_rows_are_taken_of_each_part():
    pictures = torch.arange(4 * 2 * 2 * 3, dtype=torch.uint8).reshape(4, 2, 2, 3)
    states = Observations(torch.arange(8.0).reshape(4, 2), {'camera': pictures}, tuple('abcd'))
    for rows in (torch.tensor([3, 1]), slice(1, 3)):
        taken = states[rows]
        assert len(taken) == 2
        torch.testing.assert_close(taken.numbers, states.numbers[rows])
        torch.testing.assert_close(taken.pictures['camera'], pictures[rows])
    assert states[torch.tensor([3, 1])].instructions == ('d', 'b')


@pytest.mark.parametrize('size', [(0, 3), (3, -1)])
def test_a_picture_has_a_size(size):
    with pytest.raises(ValueError, match='size must be a height and a width'):
        PictureConfig(size=size)
