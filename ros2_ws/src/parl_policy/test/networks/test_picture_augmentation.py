# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from parl_policy.networks.picture_augmentation import (
    Augmentation,
    AugmentationConfig,
    augmented,
    draw_augmentation,
    shifted,
)

ALL = AugmentationConfig(shift=3, brightness=0.3, contrast=0.4, cut_out=0.5)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(count=8, height=12, width=15):
    return torch.randint(256, (count, height, width, 3), generator=draws(), dtype=torch.uint8)


def test_each_picture_moves_by_its_own_shift_and_repeats_its_edge():
    one = torch.tensor([[1, 2, 3], [4, 5, 6]], dtype=torch.uint8)
    shifts = torch.tensor([[0, 0], [1, 0], [0, -1], [-1, 2], [0, -9]])  # down, right
    found = shifted(one.expand(5, 2, 3).unsqueeze(3), shifts)[..., 0].tolist()
    assert found == [
        [[1, 2, 3], [4, 5, 6]],
        [[1, 2, 3], [1, 2, 3]],
        [[2, 3, 3], [5, 6, 6]],
        [[4, 4, 4], [4, 4, 4]],
        [[3, 3, 3], [6, 6, 6]],
    ]


def test_a_shift_is_a_crop_of_the_padded_picture():
    before, most = pictures(60), 4
    shifts = torch.randint(-most, most + 1, (60, 2), generator=draws(1))
    rows = torch.arange(-most, 12 + most).clamp(0, 11)
    columns = torch.arange(-most, 15 + most).clamp(0, 14)
    expected = [
        picture[rows][:, columns][most - down : most - down + 12, most - right : most - right + 15]
        for picture, (down, right) in zip(before, shifts.tolist(), strict=True)
    ]
    assert torch.equal(shifted(before, shifts), torch.stack(expected))


def test_shifts_are_drawn_per_picture_over_the_whole_range():
    shifts = draw_augmentation(2000, AugmentationConfig(), draws()).shifts
    assert shifts.shape == (2000, 2)
    for column in shifts.T:
        assert column.unique().tolist() == list(range(-4, 5))
        frequencies = (column + 4).bincount()
        # 2000 / 9 = 222 each, standard deviation 14; four of them.
        assert (frequencies - 2000 / 9).abs().max() < 56
    assert not torch.equal(shifts[:, 0], shifts[:, 1])


def test_light_is_gain_and_offset_around_grey_rounded_and_limited():
    before = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1).expand(400, -1, -1, -1)
    config = AugmentationConfig(shift=0, brightness=0.25, contrast=0.5)
    changes = draw_augmentation(400, config, draws())
    after = augmented(before, changes)
    gains, offsets = changes.light.double()[:, :, None, None, None].unbind(1)
    expected = ((gains * before + offsets) / 64).floor().clamp(0, 255)
    assert torch.equal(after.double(), expected)
    at_grey = after.flatten(1)[:, 128].float() - 128.0
    assert at_grey.abs().max() <= 0.25 * 255 + 2
    assert at_grey.min() < -50
    assert at_grey.max() > 50
    assert gains.min() >= 0.5 * 64 - 1
    assert gains.max() <= 1.5 * 64 + 1


@pytest.mark.parametrize(('brightness', 'contrast'), [(1.0, 0.0), (0.0, 1.0), (0.5, 0.5)])
def test_the_strongest_light_does_not_overflow(brightness, contrast):
    config = AugmentationConfig(shift=0, brightness=brightness, contrast=contrast)
    before = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1).expand(500, -1, -1, -1)
    after = augmented(before, draw_augmentation(500, config, draws())).flatten(1).int()
    assert (after.diff(dim=1) >= 0).all(), 'brighter pixels stay brighter'


def test_no_light_is_no_change():
    same = torch.tensor([[64, 32]] * 8, dtype=torch.int16)
    assert torch.equal(augmented(pictures(), Augmentation(None, same, None)), pictures())


def test_cut_out_covers_a_rectangle_that_is_not_too_large():
    before = torch.zeros(1000, 20, 30, 3, dtype=torch.uint8)
    config = AugmentationConfig(shift=0, cut_out=0.4)
    after = augmented(before, draw_augmentation(1000, config, draws()))
    covered = after[..., 0] == 128
    rows, columns = covered.any(2).sum(1), covered.any(1).sum(1)
    assert torch.equal(covered.sum((1, 2)), rows * columns)
    assert 7 <= rows.max() <= 9  # edges are rounded
    assert 11 <= columns.max() <= 13
    assert covered.any(0).all(), 'every place is covered in some picture'
    assert not before.any()


def test_the_same_generator_gives_the_same_pictures():
    found = [augmented(pictures(), draw_augmentation(8, ALL, draws(seed))) for seed in (3, 3, 4)]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert found[0].dtype == torch.uint8
    assert found[0].shape == (8, 12, 15, 3)


def test_a_batch_is_changed_as_each_picture_alone():
    changes = draw_augmentation(8, ALL, draws(5))
    together = augmented(pictures(), changes)
    for i in range(8):
        own = Augmentation(*(each[i : i + 1] for each in vars(changes).values()))
        assert torch.equal(augmented(pictures()[i : i + 1], own)[0], together[i])


def test_nothing_is_changed_where_all_is_off():
    off = draw_augmentation(8, AugmentationConfig(shift=0), draws())
    assert off == Augmentation(None, None, None)
    assert torch.equal(augmented(pictures(), off), pictures())


@pytest.mark.parametrize(
    'settings',
    [{'shift': -1}, {'cut_out': 1.5}, {'contrast': -0.1}, {'brightness': 0.8, 'contrast': 0.3}],
)
def test_impossible_changes_are_refused(settings):
    with pytest.raises(ValueError, match='must be'):
        AugmentationConfig(**settings)
