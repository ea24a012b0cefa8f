# SPDX-License-Identifier: Apache-2.0
import copy

import pytest
import torch

from parl_policy.networks.patch_maps import find_backbone, FINENESS, PatchMaps
from parl_policy.networks.picture_encoder import EncoderConfig, picture_encoder


class Patches:
    """Describes each of 2 × 2 patches by its mean brightness, and by its number."""

    features, patches = 5, 4

    def __init__(self):
        self.seen = 0

    def see(self, pictures):
        self.seen += 1
        shades = pictures.float().mean(-1).unflatten(1, (2, -1)).unflatten(3, (2, -1)).mean((2, 4))
        numbers = torch.eye(4).expand(len(pictures), -1, -1)
        return torch.cat([shades.flatten(1).unsqueeze(-1), numbers], dim=-1)


def patches(model):
    found = Patches()
    found.model = model
    return found


def test_a_cell_of_a_patch_lies_where_the_patch_is():
    """The third patch, lower left, votes for its cell of row 0 and column 2 alone."""
    maps = PatchMaps(Patches(), keypoints=1)
    with torch.no_grad():
        maps.head.weight.zero_()
        maps.head.bias.zero_()
        maps.head.weight[2, 1 + 2] = 100.0
    found = maps.maps(torch.zeros(1, 4, 4, 3))
    assert found.shape == (1, 1, 2 * FINENESS, 2 * FINENESS)
    assert found[0, 0].argmax() == 3 * 2 * FINENESS + 2
    expected = torch.tensor([[[2 / 2.5 - 1, 3 / 2.5 - 1]]])
    torch.testing.assert_close(maps.soft_argmax(found), expected)


def test_the_backbone_is_neither_trained_nor_saved():
    backbone = Patches()
    maps = PatchMaps(backbone, keypoints=2)
    assert set(maps.state_dict()) == {'head.weight', 'head.bias'}
    maps.maps(torch.zeros(1, 4, 4, 3)).sum().backward()
    assert maps.head.weight.grad is not None
    assert backbone.seen == 1


def test_an_encoder_of_waypoints_reads_them_from_a_backbone():
    config = EncoderConfig(
        kind='waypoints', backbone=f'{__name__}:patches', backbone_model='a folder'
    )
    encoder = picture_encoder((16, 16), config)
    assert encoder.keypoints._backbone[0].model == 'a folder'
    assert encoder(torch.zeros(3, 16, 16, 3)).shape == (3, 6)
    assert copy.deepcopy(encoder)(torch.zeros(3, 16, 16, 3)).shape == (3, 6)


@pytest.mark.parametrize('name', ['', 'nowhere', 'nowhere:towers', f'{__name__}:nothing'])
def test_an_unknown_backbone_is_refused_by_name(name):
    with pytest.raises(ValueError, match=f"backbone '{name}'"):
        find_backbone(name, '')


def test_a_backbone_is_for_waypoints():
    with pytest.raises(ValueError, match='waypoints'):
        EncoderConfig(kind='keypoints', backbone='a:b')
