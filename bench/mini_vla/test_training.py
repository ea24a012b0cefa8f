# SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest
import torch

from mini_vla.demonstrations import Demonstrations
from mini_vla.make import make, statistics
from mini_vla.recipe import load_recipe
from mini_vla.training import keypoint_loss
from parl_policy.observations import Observations, PictureConfig
from parl_policy.policy import ActionSpec
from parl_vla.openvla.small_model import SmallModelConfig
from parl_vla.policies.openvla import OpenVLAPolicy, OpenVLAPolicyConfig

RECIPE = load_recipe()
TINY = dataclasses.replace(
    RECIPE,
    model=SmallModelConfig(
        size=28, tower_width=16, tower_blocks=1, tower_heads=2, width=32, blocks=1, heads=2
    ),
    picture=PictureConfig(size=(28, 28)),
    training=dataclasses.replace(
        RECIPE.training,
        see=dataclasses.replace(RECIPE.training.see, steps=2, batch_size=4),
        act=dataclasses.replace(RECIPE.training.act, steps=250, batch_size=16),
    ),
)


def two_worlds(count=64):
    """If the vegetable is asked for, a white picture calls for +x and a black one for -x."""
    random = np.random.default_rng(0)
    white = random.integers(0, 2, count).astype(bool)
    words = random.integers(0, 2, count)
    actions = np.zeros((count, 7), np.float32)
    actions[:, 0] = np.where(words == 0, np.where(white, 0.8, -0.8), 0.0)
    actions[:, 2] = np.where(words == 1, 0.8, -0.8)
    actions[:, 6] = 1.0
    shades = np.where(white, 255, 0).astype(np.uint8)
    places = random.uniform(0.2, 0.8, (count, 5, 3)).astype(np.float32)
    return Demonstrations(
        pictures=np.broadcast_to(shades[:, None, None, None], (count, 28, 28, 3)).copy(),
        actions=actions,
        keypoints=places[..., :2],
        positions=places,
        episode=np.arange(count),
        instruction=words,
        taken=words,
        success=np.ones(count, bool),
        validation=np.arange(count) % 8 == 0,
    )


def test_a_model_learns_from_pictures_and_words_and_is_found_again(tmp_path):
    recipe = TINY
    torch.manual_seed(0)
    two_worlds().save(tmp_path / f'demonstrations-{recipe.data_hash()[:16]}.npz', recipe)
    folder = make(recipe, tmp_path)
    made_at = (folder / 'model.safetensors').stat().st_mtime_ns
    assert make(recipe, tmp_path) == folder
    assert (folder / 'model.safetensors').stat().st_mtime_ns == made_at
    config = OpenVLAPolicyConfig(
        model=str(folder),
        unnorm_key='mini',
        pictures={'camera': PictureConfig(size=(28, 28))},
        temperature=0.01,
    )
    policy = OpenVLAPolicy(8, ActionSpec(1, 7, (6,)), config)
    white = torch.full((1, 28, 28, 3), 255, dtype=torch.uint8)
    vegetable, cup, _ = recipe.instructions.values()
    states = Observations(
        torch.zeros(3, 8),
        {'camera': torch.cat([white, 0 * white, white])},
        (vegetable,) * 2 + (cup,),
    )
    actions = policy.sample(policy.encode(states), 1, torch.Generator().manual_seed(0))[:, 0]
    assert actions[:2, 0].sign().tolist() == [1.0, -1.0]
    assert actions[:, 2].sign().tolist() == [-1.0, -1.0, 1.0]


def test_statistics_are_quantiles_in_metres_and_radians():
    data = two_worlds(1000)
    data.actions[:, 3] = np.linspace(-0.004, 0.004, 1000)  # noise
    found = statistics(data)['action']
    assert found['q01'] == pytest.approx([-0.04, 0.0, -0.04, 0.0, 0.0, 0.0, 0.0])
    assert found['q99'] == pytest.approx([0.04, 0.0, 0.04, 0.0, 0.0, 0.0, 1.0])
    assert found['mask'] == [True] * 6 + [False]


def test_the_loss_of_keypoints_is_least_at_the_right_patch_and_place():
    """Two patches a side; the thing is at column 0.8, row 0.3: in patch 1, at (0.6, 0.6) of it."""
    shares = torch.tensor([[[0.8, 0.3]]])
    right = torch.zeros(1, 4, 1, 3)
    right[0, 1, 0] = torch.tensor([50.0, 0.6, 0.6])
    assert keypoint_loss(right, shares).item() == pytest.approx(0.0, abs=1e-6)
    beside = right.clone()
    beside[0, 1, 0, 1] = 0.1
    assert keypoint_loss(beside, shares).item() == pytest.approx(0.5 * 0.5**2 / 2, abs=1e-6)
    assert keypoint_loss(right.roll(1, dims=1), shares).item() == pytest.approx(50.18, abs=0.01)
