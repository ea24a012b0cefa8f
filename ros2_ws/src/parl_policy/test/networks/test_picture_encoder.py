# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from parl_policy.networks import convolution
from parl_policy.networks.convolution import after_stem, Convolution, map_type, MapNorm
from parl_policy.networks.keypoint_encoder import SHARPNESS, SoftArgmax
from parl_policy.networks.picture_encoder import EncoderConfig, picture_encoder

KINDS = {
    'convolutions': EncoderConfig(kind='convolutions', widths=(8, 8, 8), features=10),
    'keypoints': EncoderConfig(kind='keypoints', widths=(8,), keypoints=4),
    'resnet': EncoderConfig(kind='resnet', widths=(8, 12)),
    'resnet, strided': EncoderConfig(kind='resnet', widths=(8, 12), first='strided'),
}
FEATURES = {'convolutions': 10, 'keypoints': 8, 'resnet': 12, 'resnet, strided': 12}


def pictures(count=3, height=40, width=50):
    draws = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, height, width, 3), generator=draws, dtype=torch.uint8)


def new_encoder(kind, dtype=torch.float32):
    torch.manual_seed(0)
    encoder = picture_encoder((40, 50), KINDS[kind])
    encoder.map_type = dtype
    return encoder


@pytest.mark.parametrize('kind', KINDS)
def test_pictures_become_float32_features(kind):
    encoder = new_encoder(kind, map_type())
    found = encoder(pictures())
    assert found.dtype == torch.float32
    assert found.shape == (3, FEATURES[kind])
    assert encoder.features == FEATURES[kind]


@pytest.mark.parametrize('kind', KINDS)
def test_a_picture_is_encoded_alike_in_any_batch(kind):
    encoder = new_encoder(kind)
    torch.testing.assert_close(encoder(pictures())[1:2], encoder(pictures()[1:2]))


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
@pytest.mark.parametrize('kind', KINDS)
def test_every_weight_gets_a_float32_gradient(kind, dtype):
    encoder = new_encoder(kind, dtype)
    (encoder(pictures()) ** 2).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.dtype == torch.float32
        assert parameter.grad.any(), name
        assert parameter.is_contiguous(), 'safetensors saves no other'


@pytest.mark.parametrize('kind', KINDS)
def test_bfloat16_is_close_to_float32(kind):
    exact, rounded = (
        new_encoder(kind, dtype)(pictures()) for dtype in (torch.float32, torch.bfloat16)
    )
    assert not torch.equal(exact, rounded)
    assert (exact - rounded).square().mean() < 0.03**2 * exact.square().mean()


@pytest.mark.parametrize('kind', KINDS)
def test_gradients_in_bfloat16_point_the_same_way(kind):
    gradients = []
    for dtype in (torch.float32, torch.bfloat16):
        encoder = new_encoder(kind, dtype)
        weights = torch.linspace(-1.0, 1.0, encoder.features)
        (encoder(pictures()) @ weights).sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in encoder.parameters()]))
    assert torch.cosine_similarity(*gradients, dim=0) > 0.98


def test_bfloat16_is_taken_where_it_is_fast(monkeypatch):
    monkeypatch.setattr(convolution, 'slow_because', lambda _: '')
    assert map_type() == torch.bfloat16
    monkeypatch.setattr(convolution, 'slow_because', lambda _: 'an old processor')
    assert map_type() == torch.float32


def test_resnet_18_has_its_layers_and_its_size():
    widths = (64, 128, 256, 512)
    encoder = picture_encoder((100, 100), EncoderConfig(kind='resnet', widths=widths))
    convolutions = [m for m in encoder.modules() if isinstance(m, Convolution)]
    assert len([c for c in convolutions if c.kernel_size != (1, 1)]) == 17  # and no final dense
    # 11,689,512 of the classifier on 1,000 classes, less its 513,000 in the last layer.
    assert sum(p.numel() for p in encoder.parameters()) == 11_176_512


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_the_norm_of_maps_is_group_norm(dtype):
    maps = torch.randn(2, 8, 5, 3, generator=torch.Generator().manual_seed(0)).to(dtype)
    maps = maps.contiguous(memory_format=torch.channels_last)
    grouped = maps.float().reshape(2, 4, -1)
    deviation = grouped.var(2, correction=0, keepdim=True).sqrt()
    expected = ((grouped - grouped.mean(2, keepdim=True)) / deviation).reshape(2, 8, 5, 3)
    found = MapNorm(8)(maps)
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found.float(), expected, atol=2e-2, rtol=1e-2)


@pytest.mark.parametrize('size', [(16, 17), (18, 19), (64, 84), (100, 96)])
def test_the_size_after_the_stem_is_known(size):
    maps = convolution.stem(4)(torch.zeros(1, 3, *size))
    assert maps.shape[2:] == after_stem(size)


def test_a_channel_that_sees_one_pixel_gives_its_place():
    height, width = 5, 9
    maps = torch.zeros(1, height * width, height, width)
    for pixel in range(height * width):
        maps[0, pixel, pixel // width, pixel % width] = 100.0
    positions = SoftArgmax((height, width))(maps)
    places = positions[0].unflatten(0, (height, width))
    torch.testing.assert_close(places[2, 4], torch.zeros(2))
    torch.testing.assert_close(places[0, 8], torch.tensor([1.0, -1.0]))  # right, top
    x = torch.linspace(-1, 1, width).expand(height, width)
    y = torch.linspace(-1, 1, height)[:, None].expand(height, width)
    torch.testing.assert_close(places, torch.stack([x, y], dim=2))


def test_two_equal_pixels_give_their_middle():
    maps = torch.zeros(1, 1, 5, 5)
    maps[0, 0, 2, 0] = maps[0, 0, 2, 3] = 100.0  # x = -1 and 0.5
    positions = SoftArgmax((5, 5))(maps)
    torch.testing.assert_close(positions[0, 0], torch.tensor([-0.25, 0.0]))


def test_a_flat_channel_gives_the_middle():
    positions = SoftArgmax((21, 21))(torch.full((1, 1, 21, 21), 3.0))
    torch.testing.assert_close(positions, torch.zeros(1, 1, 2))


def test_scores_are_weighed_by_softmax():
    maps = torch.zeros(1, 1, 1, 2)
    maps[..., 1] = 0.25
    positions = SoftArgmax((1, 2))(maps)
    ratio = torch.tensor(0.25 * SHARPNESS).exp()
    torch.testing.assert_close(
        positions[0, 0], torch.stack([(ratio - 1) / (ratio + 1), ratio * 0])
    )


def test_what_moves_in_the_map_moves_the_point_as_far():
    maps = torch.full((1, 2, 11, 11), -100.0)
    spot = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0))
    moved = maps.clone()
    maps[0, :, 1:4, 2:5] = spot
    moved[0, :, 6:9, 5:8] = spot
    softargmax = SoftArgmax((11, 11))
    before, after = softargmax(maps), softargmax(moved)
    step = 2.0 / 10.0
    torch.testing.assert_close(after - before, torch.tensor([3 * step, 5 * step]).expand(1, 2, 2))


def test_points_follow_a_picture_that_moves_by_the_stride():
    encoder = new_encoder('keypoints')
    scene = pictures(1, 80, 90)
    # Edges are filled with zeros, so the pictures have a plain border.
    canvas = torch.full((2, 40, 50, 3), 127, dtype=torch.uint8)
    canvas[0, 16:24, 20:28] = scene[0, :8, :8]
    canvas[1, 20:28, 20:28] = scene[0, :8, :8]
    maps = encoder.convolutions(convolution.scaled(canvas, torch.float32))
    torch.testing.assert_close(maps[0, :, 2:7, 3:9], maps[1, :, 3:8, 3:9])


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: EncoderConfig(kind='vit'), "expected one of .*'convolutions', 'keypoints'"),
        (lambda: EncoderConfig(widths=()), 'at least 1'),
        (lambda: EncoderConfig(keypoints=0), 'at least 1'),
        (lambda: EncoderConfig(first='patches'), "expected 'pooled' or 'strided'"),
        (lambda: EncoderConfig(kind='resnet', widths=(6,)), 'multiples of 4'),
        (lambda: picture_encoder((64, 15), EncoderConfig()), '64×15 are smaller than 16 pixels'),
    ],
)
def test_impossible_encoders_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
