# SPDX-License-Identifier: Apache-2.0
"""What the towers are given, computed again by hand."""

import math

import numpy as np
import pytest
import torch

from parl_vla.openvla.pixels import Preprocessor, PreprocessorError

STORED = {
    'image_resize_strategy': 'resize-naive',
    'input_sizes': [[3, 6, 4], [3, 6, 4]],
    'means': [[0.484375, 0.455078125, 0.40625], [0.5, 0.5, 0.5]],
    'stds': [[0.228515625, 0.2236328125, 0.224609375], [0.5, 0.25, 0.125]],
}
"""The release's numbers, but for SigLIP's deviations, which are all 0.5."""


def cubic(x):
    """Keys' kernel with a = -1/2."""
    x = abs(x)
    if x < 1.0:
        return 1.5 * x**3 - 2.5 * x**2 + 1.0
    return -0.5 * x**3 + 2.5 * x**2 - 4.0 * x + 2.0 if x < 2.0 else 0.0


def resized_rows(picture, count):
    """Resize the first axis of a picture (h, …) uint8 as PIL does, in its fixed point."""
    step = len(picture) / count
    scale = max(step, 1.0)  # a smaller picture is a mean over more pixels
    rows = []
    for row in range(count):
        centre = (row + 0.5) * step
        first = max(int(centre - 2.0 * scale + 0.5), 0)
        end = min(int(centre + 2.0 * scale + 0.5), len(picture))
        weights = np.array([cubic((each - centre + 0.5) / scale) for each in range(first, end)])
        exact = weights / weights.sum() * 2.0**22
        fixed = np.trunc(exact + np.copysign(0.5, exact)).astype(np.int64)
        total = np.tensordot(fixed, picture[first:end].astype(np.int64), 1) + (1 << 21)
        rows.append((total >> 22).clip(0, 255).astype(np.uint8))
    return np.stack(rows)


def normalised(picture):
    """Both towers' pixels (6, h, w) of a picture (h, w, 3)."""
    found = np.empty((6, *picture.shape[:2]))
    for tower in range(2):
        for channel in range(3):
            mean, deviation = (STORED[key][tower][channel] for key in ('means', 'stds'))
            found[3 * tower + channel] = (picture[..., channel] / 255.0 - mean) / deviation
    return found


ONE_LEVEL = 1.0 / 255.0 / 0.125
"""Of 256, in the units of the smallest deviation."""


@pytest.mark.parametrize(
    ('size', 'error'),
    [((3, 4), 0.0), ((24, 4), 0.0), ((6, 2), 0.0), ((6, 11), 0.0), ((24, 5), ONE_LEVEL)],
)
def test_a_picture_is_resized_as_a_bicubic_kernel_says(size, error):
    """Exactly along one axis; of two PIL chooses which comes first and is rounded."""
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    wide = picture if size[1] == 4 else resized_rows(picture.swapaxes(0, 1), 4).swapaxes(0, 1)
    expected = wide if size[0] == 6 else resized_rows(wide, 6)
    found = Preprocessor(STORED)(torch.tensor(picture).unsqueeze(0))
    np.testing.assert_allclose(found[0], normalised(expected), atol=error + 1e-5)


def test_each_tower_has_its_own_normalisation():
    picture = np.random.default_rng(1).integers(0, 256, (6, 4, 3), np.uint8)
    found = Preprocessor(STORED)(torch.tensor(picture).unsqueeze(0))
    assert found.shape == (1, 6, 6, 4)
    np.testing.assert_allclose(found[0], normalised(picture), atol=1e-5)
    white = Preprocessor(STORED)(torch.full((2, 6, 4, 3), 255, dtype=torch.uint8))
    assert white[1, :, 0, 0].tolist() == pytest.approx(
        [0.515625 / 0.228515625, 0.544921875 / 0.2236328125, 0.59375 / 0.224609375, 1.0, 2.0, 4.0]
    )


def test_pictures_of_a_batch_do_not_mix():
    draws = np.random.default_rng(2)
    pictures = torch.tensor(draws.integers(0, 256, (3, 9, 7, 3), np.uint8))
    prepare = Preprocessor(STORED)
    assert torch.equal(prepare(pictures)[1], prepare(pictures[1:2])[0])


@pytest.mark.parametrize('key', ['input_sizes', 'means', 'stds'])
def test_a_missing_key_is_named(key):
    with pytest.raises(PreprocessorError, match=rf"lacks \['{key}'\]"):
        Preprocessor({name: value for name, value in STORED.items() if name != key})


@pytest.mark.parametrize('strategy', ['letterbox', 'resize-crop'])
def test_another_way_of_resizing_is_refused(strategy):
    with pytest.raises(PreprocessorError, match=f"'{strategy}', known is 'resize-naive'; cut"):
        Preprocessor(STORED | {'image_resize_strategy': strategy})


@pytest.mark.parametrize(
    'changed',
    [{'input_sizes': [[3, 6, 4], [3, 8, 8]]}, {'means': STORED['means'][:1]}],
)
def test_towers_that_differ_are_refused(changed):
    with pytest.raises(PreprocessorError, match='two towers the same input size'):
        Preprocessor(STORED | changed)


def test_naive_resizing_is_what_is_not_said_otherwise():
    silent = {key: value for key, value in STORED.items() if key != 'image_resize_strategy'}
    assert math.prod(Preprocessor(silent).size) == 24
