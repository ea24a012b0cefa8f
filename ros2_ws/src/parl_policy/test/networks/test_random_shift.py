# SPDX-License-Identifier: Apache-2.0
import torch

from parl_policy.networks.random_shift import draw_shifts, shift_images

IMAGE = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def test_each_image_moves_by_its_own_shift_and_repeats_its_edge():
    images = IMAGE.expand(4, 1, 2, 3)
    shifts = torch.tensor([[0, 0], [1, 0], [0, -1], [-1, 2]])  # down, right
    found = shift_images(images, shifts)[:, 0]
    expected = torch.tensor(
        [
            [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
            [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]],
            [[2.0, 3.0, 3.0], [5.0, 6.0, 6.0]],
            [[4.0, 4.0, 4.0], [4.0, 4.0, 4.0]],
        ]
    )
    assert torch.equal(found, expected)


def test_channels_move_together():
    images = torch.stack([IMAGE, 10.0 * IMAGE]).unsqueeze(0)
    found = shift_images(images, torch.tensor([[0, 1]]))
    assert torch.equal(found[0, 1], 10.0 * found[0, 0])
    assert torch.equal(found[0, 0], torch.tensor([[1.0, 1.0, 2.0], [4.0, 4.0, 5.0]]))


def test_shifts_are_drawn_per_image_from_minus_four_to_four():
    shifts = draw_shifts(2000, torch.Generator().manual_seed(0))
    assert shifts.shape == (2000, 2)
    for column in shifts.T:
        assert column.unique().tolist() == list(range(-4, 5))
        frequencies = (column + 4).bincount()
        # 2000 / 9 = 222 each, standard deviation 14; four of them.
        assert (frequencies - 2000 / 9).abs().max() < 56
    assert not torch.equal(shifts[:, 0], shifts[:, 1])
