# SPDX-License-Identifier: Apache-2.0
import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from parl_learner.replay.encoded_states import EncodedStates, ROWS_AT_ONCE
from parl_learner.replay.observation_table import ObservationTable
from parl_learner.replay.picture_table import PictureTable
from parl_learner.replay.waypoints import episode_waypoints, WaypointError
from parl_policy.networks.observation_encoder import ObservationEncoder, VisionConfig
from parl_policy.networks.picture_encoder import EncoderConfig
from parl_policy.observations import PictureConfig

WHOLE = PictureConfig(size=(16, 16))
TABLE = np.array([[2.0, 0.0, 0.0], [0.0, -1.0, 0.5], [0.0, 0.0, 1.0]])
"""Column share 2·x, row share 0.5 - y."""


def episode(table=TABLE):
    """The gripper is open, closes at state 2, opens at state 4."""
    positions = np.array([[0.1 * i, 0.01 * i, 0.2 - 0.03 * i] for i in range(6)], np.float32)
    actions = np.zeros((5, 7), np.float32)
    actions[:, 6] = [1, 1, -1, -1, 1]
    film = SimpleNamespace(table=table)
    return SimpleNamespace(
        episode_id='d7', observations=positions, actions=actions, films={'camera': film}
    )


def test_places_and_shares_by_hand():
    found = episode_waypoints(episode(), 'camera', WHOLE, gripper=6)
    assert found.known.tolist() == [[True, True]] * 2 + [[False, True]] * 2 + [[False, False]] * 2
    torch.testing.assert_close(found.places[0, 0], torch.tensor([0.2, 0.02, 0.14]))
    torch.testing.assert_close(found.places[1, 1], torch.tensor([0.4, 0.04, 0.08]))
    torch.testing.assert_close(found.places[3, 1], found.places[1, 1])
    torch.testing.assert_close(found.shares[0, 0], torch.tensor([0.4, 0.48]))


def test_shares_are_those_of_the_part_that_is_seen():
    part = dataclasses.replace(WHOLE, rows=(0.4, 0.6), columns=(0.2, 1.0))
    found = episode_waypoints(episode(), 'camera', part, gripper=6)
    torch.testing.assert_close(found.shares[0, 0], torch.tensor([0.25, 0.4]))


def test_a_camera_without_calibration_is_named():
    with pytest.raises(WaypointError, match=r"episode d7: the camera 'camera' is not calibrated"):
        episode_waypoints(episode(table=None), 'camera', WHOLE, gripper=6)


def test_frozen_states_are_the_same_to_the_bit_however_the_table_grew(tmp_path):
    torch.manual_seed(0)
    vision = VisionConfig(
        pictures={'camera': PictureConfig(size=(24, 24))},
        encoder=EncoderConfig(kind='waypoints', widths=(4, 8)),
    )
    encoder = ObservationEncoder(4, vision)
    encoder.encoders['camera'].forms.data.normal_()
    assert encoder.is_frozen
    pictures = PictureTable((24, 24), tmp_path)
    drawn = np.random.default_rng(0).integers(256, size=(150, 24, 24, 3), dtype=np.uint8)
    for picture in drawn:
        pictures.append(picture)
    numbers = torch.randn(150, 4)

    def table(rows):
        return ObservationTable(numbers[:rows], {'camera': pictures}, ['go'] * rows)

    counts = []
    encoder.register_forward_pre_hook(lambda _, inputs: counts.append(len(inputs[0])))
    grown, at_once = EncodedStates(encoder), EncodedStates(encoder)
    for rows in (3, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 100, 150):
        features = grown.of(table(rows))
        assert features.shape == (rows, encoder.features)
    expected = at_once.of(table(150))
    assert torch.equal(features, expected)
    assert set(counts) == {ROWS_AT_ONCE}, 'the last bits may differ with their number'
    assert len(counts) == 1 + 1 + 1 + 1 + 2 + 3, 'each block once, the last one as it grew'
    torch.testing.assert_close(expected[70:90], encoder(table(150)[torch.arange(70, 90)]))
    assert encoder(expected) is expected, 'what is encoded passes'
