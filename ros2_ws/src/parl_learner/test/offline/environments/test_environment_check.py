# SPDX-License-Identifier: Apache-2.0
import dataclasses

import gymnasium
import numpy as np
import pytest

from parl_files.config_file import ConfigError
from parl_learner.offline.data.trajectory import Trajectory
from parl_learner.offline.environments.environment import EnvironmentConfig
from parl_learner.offline.environments.environment_check import check_environment
from parl_policy.observations import ObservationNeeds, PictureConfig


def trajectory(observation_dim=2, action_dim=1):
    return Trajectory(
        episode_id='e',
        purpose='demonstration',
        observations=np.zeros((3, observation_dim), np.float32),
        actions=np.zeros((2, action_dim), np.float32),
        rewards=np.zeros(2, np.float32),
        terminated=np.zeros(2, bool),
    )


class Camera(gymnasium.Env):
    """Sees a picture and a number."""

    observation_space = gymnasium.spaces.Dict(
        {
            'picture': gymnasium.spaces.Box(0, 255, (4, 5, 3), np.uint8),
            'place': gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float64),
        }
    )
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if options:
            raise KeyError('no such start')
        picture = np.zeros((4, 5, 3), np.uint8)
        picture[0, 1, 0] = 200
        return {'picture': picture, 'place': np.array([0.5])}, {}


gymnasium.register('Camera-v0', entry_point=Camera)


def test_an_environment_like_its_data_passes():
    check_environment(EnvironmentConfig(id='Corridor-v0', max_steps=6), trajectory(), {})


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'id': 'Nope-v0'}, "'Nope-v0' cannot be used: NameNotFound"),
        ({'package': 'no_such_package'}, 'ModuleNotFoundError'),
        ({'arguments': {'speed': 3}}, "TypeError.*'speed'"),
        ({'observation_keys': ('place',)}, r"observation_keys is \['place'\], but obs"),
        ({'id': 'CartPole-v1'}, r'takes actions Discrete\(2\)'),
        ({'id': 'Camera-v0', 'observation_keys': ('plaec',)}, r"observation_keys is \['plaec'\]"),
        ({'id': 'Camera-v0'}, r'observation_keys is \[\], but'),
        (
            {'id': 'Camera-v0', 'observation_keys': ('place',), 'reset_options': {'cell': 3}},
            "KeyError: 'no such start'",
        ),
    ],
)
def test_one_that_cannot_be_begun_is_refused(changes, message):
    config = EnvironmentConfig(**({'id': 'Corridor-v0', 'max_steps': 6} | changes))
    with pytest.raises(ConfigError, match=message):
        check_environment(config, trajectory(), {})


def test_other_widths_are_refused():
    config = EnvironmentConfig(id='Corridor-v0', max_steps=6)
    with pytest.raises(ConfigError, match=r'observations of environment .* are 2 wide, .* data 3'):
        check_environment(config, trajectory(observation_dim=3), {})
    with pytest.raises(ConfigError, match=r'actions of environment .* are 1 wide, .* data 2'):
        check_environment(config, trajectory(action_dim=2), {})


SEES = {'policy': ObservationNeeds({'front': PictureConfig(size=(4, 4))})}


def test_pictures_are_seen_as_they_are_drawn():
    config = EnvironmentConfig(
        id='Camera-v0', observation_keys=('place',), cameras={'front': 'picture'}, max_steps=6
    )
    environment = config.make()
    observation, _ = environment.reset(seed=0)
    assert observation.numbers.tolist() == [0.5]
    assert observation.pictures['front'].shape == (4, 5, 3)
    assert observation.pictures['front'][0, 1].tolist() == [200, 0, 0]
    assert check_environment(config, trajectory(observation_dim=1), SEES) == []


def test_a_camera_that_is_not_there_or_too_small_is_refused():
    config = EnvironmentConfig(id='Camera-v0', observation_keys=('place',), max_steps=6)
    message = "in environment 'Camera-v0' the policy sees the camera 'front', but .*`cameras`"
    with pytest.raises(ConfigError, match=message):
        check_environment(config, trajectory(observation_dim=1), SEES)
    config = dataclasses.replace(config, cameras={'front': 'picture'})
    larger = {'critic': ObservationNeeds({'front': PictureConfig(size=(8, 8))})}
    with pytest.raises(ConfigError, match=r'the critic sees .* record larger pictures'):
        check_environment(config, trajectory(observation_dim=1), larger)


def test_an_instruction_that_is_read_but_not_given_is_said():
    reads = {'policy': ObservationNeeds(instruction=True)}
    config = EnvironmentConfig(id='Corridor-v0', max_steps=6)
    (note,) = check_environment(config, trajectory(), reads)
    assert 'give one in environment.instruction' in note
    config = dataclasses.replace(config, instruction='go')
    assert check_environment(config, trajectory(), reads) == []


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'observation_keys': ('picture',)}, "'picture' is uint8 .*name it in `cameras`"),
        ({'cameras': {'front': 'place'}}, "'place' in `cameras` is float64 .*observation_keys"),
        ({'cameras': {'front': 'pictrue'}}, r"environment.cameras is \{'front': 'pictrue'\}, but"),
        ({'cameras': {'front': 'picture'}, 'instruction_key': 'x'}, "instruction_key is 'x', but"),
    ],
)
def test_entries_of_another_kind_are_refused(changes, message):
    config = EnvironmentConfig(id='Camera-v0', max_steps=6, **changes)
    with pytest.raises(ConfigError, match=message):
        check_environment(config, trajectory(), {})
