# SPDX-License-Identifier: Apache-2.0
import torch

from parl_learner.replay.batch_augmentation import augment_states
from parl_policy.networks.picture_augmentation import AugmentationConfig
from parl_policy.observations import Observations

CONFIG = AugmentationConfig(shift=2)


def states(generator):
    pictures = {
        camera: torch.randint(256, (6, 9, 9, 3), dtype=torch.uint8, generator=generator)
        for camera in ('camera', 'wrist_camera')
    }
    return Observations(torch.rand(6, 3, generator=generator), pictures, ('go',) * 6)


def test_the_two_observations_of_a_transition_take_one_change_and_the_rest_stays():
    first = states(torch.Generator().manual_seed(1))
    second = Observations(
        2.0 * first.numbers, {c: 255 - p for c, p in first.pictures.items()}, first.instructions
    )
    one, other = augment_states([first, second], CONFIG, torch.Generator().manual_seed(0))
    again, _ = augment_states([first, second], CONFIG, torch.Generator().manual_seed(1))
    assert not torch.equal(again.pictures['camera'], one.pictures['camera'])
    for camera, pictures in first.pictures.items():
        assert torch.equal(other.pictures[camera], 255 - one.pictures[camera])
        moved = (one.pictures[camera] != pictures).flatten(1).any(1)
        assert moved.sum() >= 4, 'a shift by nothing has probability 1/25'
    assert one.numbers is first.numbers
    assert one.instructions == first.instructions


def test_numbers_and_pictures_without_changes_draw_nothing():
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    numbers = torch.rand(3, 2)
    assert augment_states([numbers], CONFIG, generator)[0] is numbers
    seen = states(torch.Generator())
    assert augment_states([seen], None, generator)[0] is seen
    assert torch.equal(generator.get_state(), before)
