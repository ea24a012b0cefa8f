# SPDX-License-Identifier: Apache-2.0
import dataclasses
import time

import numpy as np
import pytest
import torch

from parl_files.config_file import ConfigError, from_mapping
from parl_files.error import ParlError
from parl_files.recording.film import encode_losslessly, Film
from parl_learner.loop.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from parl_learner.loop.learning_loop import LearningLoop, STATION_ACTION
from parl_learner.loop.trial_paces import trial_paces
from parl_learner.methods.stage import Work
from parl_learner.replay.waypoints import Waypoints
from parl_learner.training.waypoint_trainer import (
    bilinear,
    waypoint_loss,
    WaypointTrainerConfig,
)
from parl_policy.critics.critic import CriticConfig
from parl_policy.networks.keypoint_encoder import KeypointEncoder
from parl_policy.networks.observation_encoder import VisionConfig
from parl_policy.networks.waypoint_encoder import WaypointEncoder, WAYPOINTS
from parl_policy.policy import ActionSpec

NAMES = ('ee_x', 'ee_y', 'ee_z')
SIZE = (32, 32)
TABLE = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
"""The picture shows x from 0 to 1 m to the right, and y downwards."""
SETTINGS = {
    'pictures': {'camera': {'size': SIZE}},
    'encoder': {'kind': 'waypoints', 'widths': [8, 8]},
    'augmentation': {'shift': 2},
}


def test_a_bilinear_distribution_has_its_place_as_its_mean():
    shares = torch.tensor([[0.3, 0.8], [0.02, 0.5]])
    found = bilinear(shares, (4, 8)).unflatten(-1, (4, 8))
    torch.testing.assert_close(found.sum((-2, -1)), torch.ones(2))
    columns = (found.sum(-2) * (torch.arange(8) + 0.5) / 8).sum(-1)
    rows = (found.sum(-1) * (torch.arange(4) + 0.5) / 4).sum(-1)
    torch.testing.assert_close(columns, torch.tensor([0.3, 0.0625]), atol=1e-6, rtol=0)
    torch.testing.assert_close(rows, torch.tensor([0.8, 0.5]), atol=1e-6, rtol=0)


def test_what_a_shifted_picture_shows_is_where_it_was():
    """A map that points two cells to the right and one down of a place, after such a shift."""
    encoder = WaypointEncoder(KeypointEncoder((32, 32), (4,), WAYPOINTS))
    encoder.forms.data.normal_()
    maps = torch.full((1, 2, 8, 8), -100.0)
    maps[:, :, 3, 2] = 100.0
    shifted = maps.roll((1, 2), (2, 3))
    cells = torch.tensor([[2.0, 1.0]])
    torch.testing.assert_close(encoder.places(shifted, cells), encoder.places(maps))
    shares = torch.tensor([[[2.5 / 8, 3.5 / 8]] * 2])
    waypoints = Waypoints(encoder.places(maps).detach(), shares, torch.ones(1, 2, dtype=bool))
    assert waypoint_loss(encoder, shifted, waypoints, cells / 8).item() < 1e-3
    assert waypoint_loss(encoder, shifted, waypoints, -cells / 8).item() > 1.0


@pytest.fixture
def shown(new_episode):
    """Makes a demonstration in which a red square shows where the gripper closes."""

    def show(episode_id, seed, purpose='demonstration', table=TABLE):
        draws = np.random.default_rng(seed)
        episode = new_episode(episode_id, purpose, length=6, seed=seed, names=NAMES)
        column, row = draws.integers(2, 28, 2)
        picture = np.full((*SIZE, 3), 60, np.uint8)
        picture[row : row + 3, column : column + 3] = (250, 30, 30)
        place = np.array([column + 1.5, row + 1.5]) / 32.0
        observations = episode.observations.copy()
        observations[2] = [*place, 0.05]
        actions = episode.actions.copy()
        actions[:, 6] = [1, 1, -1, -1, -1, -1]
        data = encode_losslessly(picture)
        film = Film(SIZE, episode.stamps_s, lambda: [data] * 7, table)
        return dataclasses.replace(
            episode, observations=observations, actions=actions, films={'camera': film}
        )

    return show


@pytest.fixture
def new_loop(learning, tmp_path):
    def make(steps=60, names=NAMES, spec=STATION_ACTION, **changes):
        vision = from_mapping(VisionConfig, SETTINGS, 'test')
        settings = {
            'policy': {'hidden': 8, 'blocks': 1, 'vision': SETTINGS},
            'critic': CriticConfig(members=2, hidden=(8, 8), bins=11, vision=vision),
            'waypoint_trainer': WaypointTrainerConfig(steps=steps, learning_rate=5e-3),
        }
        return LearningLoop(
            learning(**(settings | changes)),
            names,
            seed=0,
            action_spec=spec,
            cameras={'camera': SIZE},
            folder=tmp_path,
        )

    return make


def work(loop, episodes):
    loop.begin_round(episodes)
    while not loop.idle:
        loop.advance()


def test_where_the_gripper_will_close_is_found_in_new_pictures(new_loop, shown):
    loop = new_loop(steps=250)
    work(loop, [shown(f'd{seed}', seed) for seed in range(30)])
    critic = loop.critic_trainer.critic
    errors = []
    for seed in range(100, 110):
        episode = shown('new', seed)
        picture = torch.as_tensor(next(iter(episode.films['camera']))).unsqueeze(0)
        for network in (loop.policy, critic, loop.critic_trainer.target):
            place = network.normaliser.encoders['camera'](picture)[0, :2].numpy()
            errors.append(np.abs(place - episode.observations[2, :2]))
    assert np.median(errors) < 0.08, 'a pixel is 0.03; the mean of all places is off by 0.2'


def test_nothing_changes_it_afterwards_and_states_are_encoded_once(new_loop, shown, monkeypatch):
    loop = new_loop(steps=3)
    work(loop, [shown('d0', 0), shown('d1', 1)])
    encoder = loop.policy.normaliser.encoders['camera']
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    rows, forward = [], type(encoder).forward
    monkeypatch.setattr(
        type(encoder),
        'forward',
        lambda self, pictures: rows.append(len(pictures)) or forward(self, pictures),
    )
    work(loop, [shown('p0', 2, 'practice')])
    for network in (loop.policy, loop.critic_trainer.critic, loop.critic_trainer.target):
        state = network.normaliser.encoders['camera'].state_dict()
        assert all(torch.equal(before[name], value) for name, value in state.items())
    assert 2 <= len(rows) <= 4, 'not once for each update of policy and critic'


OTHERWISE = """
from dataclasses import dataclass, field
from parl_policy.observations import PictureConfig
from parl_policy.policies.flow import FlowPolicy, FlowPolicyConfig

@dataclass(frozen=True, kw_only=True)
class Config:
    pictures: dict = field(default_factory=lambda: {'camera': PictureConfig(size=(16, 20))})
    reads_instruction: bool = True

class Policy(FlowPolicy):
    def __init__(self, observation_dim, action_spec, config: Config) -> None:
        super().__init__(observation_dim, action_spec, FlowPolicyConfig(hidden=8, blocks=1))

    def encode(self, observations):
        assert observations.pictures['camera'].shape[1:] == (16, 20, 3)
        assert set(observations.instructions) == {'put it there'}
        return super().encode(observations.numbers)
"""


@pytest.mark.parametrize('edits', [None, 'numbers', 'waypoints'])
def test_the_critic_alone_may_see_waypoints_and_so_may_an_edit_policy(
    new_loop, shown, tmp_path, monkeypatch, edits
):
    """Beside a class that sees and reads in its own way; the loop learns in all its stages."""
    (tmp_path / 'otherwise.py').write_text(OTHERWISE, encoding='utf-8')
    monkeypatch.syspath_prepend(tmp_path)
    settings = {'policy_class': 'otherwise:Policy', 'policy': {}}
    if edits == 'waypoints':  # an edited policy and its base see a camera in one way
        monkeypatch.setitem(SETTINGS, 'pictures', {'camera': {'size': (16, 20)}})
    if edits is not None:
        policy = {'base_class': 'otherwise:Policy', 'base': {}, 'hidden': [8]}
        policy |= {'vision': SETTINGS} if edits == 'waypoints' else {}
        settings = {'policy_class': 'edited', 'policy': policy, 'method': 'value_gradient'}
    loop = new_loop(steps=3, **settings)
    critic, target = loop.critic_trainer.critic, loop.critic_trainer.target
    before = critic.normaliser.encoders['camera'].forms.clone()
    work(loop, [shown('d0', 0), shown('d1', 1)])
    work(loop, [shown('p0', 2, 'practice')])
    assert loop.counters.version == 2
    networks = [critic, target] + ([loop.policy] if edits == 'waypoints' else [])
    for network in networks:
        found = network.normaliser.encoders['camera']
        assert (found.forms != before).any()
        assert torch.equal(found.forms, loop.units.waypoint_trainer._average.forms)


@pytest.mark.parametrize('units', [2, 5, 9])
def test_a_run_that_was_killed_ends_with_the_same_weights(new_loop, shown, tmp_path, units):
    demonstrations, practice = [shown('d0', 0), shown('d1', 1)], [shown('p0', 2, 'practice')]
    whole = new_loop(steps=4)
    whole.begin_round(demonstrations)
    for _ in range(units):
        whole.advance()
    save_checkpoint(tmp_path / 'c', whole, [])
    again = new_loop(steps=4)
    again.resume([demonstrations])
    load_checkpoint(tmp_path / 'c', again)
    for loop in (whole, again):
        load_checkpoint(tmp_path / 'c', loop)  # the draws of both begin here
        while not loop.idle:
            loop.advance()
        work(loop, practice)
    for kind in ('policy', 'critic_trainer'):
        mine, other = (getattr(loop, kind).state_dict() for loop in (whole, again))
        assert all(torch.equal(mine[name], other[name]) for name in mine)


def test_what_cannot_be_taught_is_named(new_loop, shown):
    with pytest.raises(ConfigError, match=r"'waypoints' needs numbers .* found \['a', 'b', 'c'\]"):
        new_loop(names=('a', 'b', 'c'))
    with pytest.raises(ConfigError, match=r'a gripper, .* the binary actions \[\]'):
        new_loop(spec=ActionSpec(horizon=1, dim=7))
    with pytest.raises(ParlError, match="the camera 'camera' is not calibrated"):
        new_loop().begin_round([shown('d0', 0, table=None)])
    actions = np.zeros((6, 7), np.float32)
    with pytest.raises(ValueError, match='the gripper neither closes nor opens'):
        new_loop().begin_round([dataclasses.replace(shown('d0', 0), actions=actions)])


def without_grasp(episode):
    actions = episode.actions.copy()
    actions[:, 6] = 1.0
    return dataclasses.replace(episode, actions=actions)


def test_demonstrations_in_which_nothing_is_grasped_are_refused(new_loop, shown):
    with pytest.raises(ParlError, match='neither closes nor opens in any of 2 demonstrations'):
        new_loop().begin_round([without_grasp(shown(f'd{seed}', seed)) for seed in range(2)])


def test_places_of_failures_are_learned_if_there_are_no_others(new_loop, shown):
    failed = dataclasses.replace(
        shown('d1', 1),
        outcome='timeout',
        rewards=[-1.0] * 6,
        terminated=[False] * 6,
        truncated=[False] * 5 + [True],
    )
    loop = new_loop(steps=2)
    work(loop, [without_grasp(shown('d0', 0)), failed])
    trainer = loop.units.waypoint_trainer
    assert trainer._rows.tolist() == [7, 8], 'before the gripper closes in the second'


def test_what_is_kept_of_a_state_follows_its_content(new_loop, shown, tmp_path):
    """Not its place: here the episodes are in another order after the restart."""
    episodes = [shown('d0', 0), shown('d1', 1)]
    loop, other = new_loop(steps=2), new_loop(steps=2)
    loop.begin_round(episodes)
    while loop.stage.name != 'critic':
        loop.advance()
    save_checkpoint(tmp_path / 'c', loop, [])
    other.resume([episodes[::-1]])
    load_checkpoint(tmp_path / 'c', other)
    rows = torch.tensor([*range(7, 14), *range(7)])
    mine, others = (each.cache.policy_actions for each in (loop, other))
    torch.testing.assert_close(others(torch.arange(14)).actions, mine(rows).actions)


def test_other_pictures_than_those_learned_from_are_refused(new_loop, shown, tmp_path):
    loop, other = new_loop(steps=2), new_loop(steps=2)
    loop.begin_round([shown('d0', 0)])
    save_checkpoint(tmp_path / 'c', loop, [])
    changed = shown('d0', 0)
    film = shown('d0', 3).films['camera']
    other.resume([[dataclasses.replace(changed, films={'camera': film})]])
    with pytest.raises(CheckpointError, match=r'the episodes give other observations than those'):
        load_checkpoint(tmp_path / 'c', other)


def test_the_pace_of_learning_to_see_is_known_before_it_begins(new_loop, shown):
    loop = new_loop(steps=3)
    loop.begin_round([shown('d0', 0)])
    before = loop.replay.observations.clone()

    def on_trial():
        other = LearningLoop(loop.config, NAMES, 0, cameras={'camera': SIZE}, replay=loop.replay)
        other.resume([[shown('d0', 0)]])
        return other

    paces = trial_paces(on_trial, time.monotonic)
    assert paces[Work.SEEING] > 0.0
    assert torch.equal(loop.replay.observations, before), 'the replay is shared, not filled again'
