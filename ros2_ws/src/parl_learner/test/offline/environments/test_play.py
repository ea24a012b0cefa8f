# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from parl_learner.offline.data.reward_convention import RewardConvention
from parl_learner.offline.data.trajectory import ACTION_LIMIT
from parl_learner.offline.data.trajectory_file import load_trajectories, save_trajectories
from parl_learner.offline.environments.environment import EnvironmentConfig
from parl_learner.offline.environments.play import play

CORRIDOR = EnvironmentConfig(id='Corridor-v0', max_steps=6)


def play_corridor(act, seeds, environments=2, config=CORRIDOR, purpose='practice'):
    return play(
        [config.make() for _ in range(environments)],
        act,
        seeds,
        max_steps=config.max_steps,
        reset_options=config.reset_options,
        convention=RewardConvention(),
        purpose=purpose,
        name='test',
    )


def ahead(observations):
    return np.ones((len(observations), 1), np.float32)


def test_success_terminates_and_a_timeout_does_not():
    def act(observations):
        """Those that began below 0 stay behind."""
        return np.float32([[0.0 if each.numbers[0] < 0.0 else 1.0] for each in observations])

    episodes = play_corridor(act, range(8))
    assert {episode.score for episode in episodes} == {0.0, 100.0}
    for episode in episodes:
        t = episode.trajectory
        solved = episode.score == 100.0
        assert len(t) == (4 if solved else 6)  # four steps of 0.25
        assert t.success == solved
        assert t.rewards.tolist() == [-1.0] * (len(t) - 1) + [0.0 if solved else -1.0]
        assert t.observations.shape == (len(t) + 1, 2)
        assert np.abs(t.actions).max() <= ACTION_LIMIT


@pytest.mark.parametrize('environments', [1, 3, 7])
def test_episodes_do_not_depend_on_how_many_environments_play(environments):
    found = play_corridor(ahead, range(5, 12), environments)
    expected = play_corridor(ahead, range(5, 12), 2)
    assert [e.trajectory.episode_id for e in found] == [f'test-{i:04d}' for i in range(7)]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.trajectory.observations, other.trajectory.observations)


def test_reset_options_and_action_repeat():
    config = EnvironmentConfig(
        id='Corridor-v0', max_steps=6, action_repeat=2, reset_options={'start': 0.3}
    )
    (episode,) = play_corridor(ahead, [0], 1, config)
    np.testing.assert_allclose(episode.trajectory.observations[:, 0], [0.3, 0.8, 1.3], atol=0.011)
    assert len(episode.trajectory) == 2  # success half-way through the second is not missed
    assert episode.trajectory.success


def test_actions_are_scaled_to_the_environments_range():
    environment = CORRIDOR.make()
    assert (environment.action_space.low, environment.action_space.high) == (-1.0, 1.0)
    first, _ = environment.reset(seed=0)
    second, *_ = environment.step(np.array([0.5], np.float32))
    np.testing.assert_allclose(
        second.numbers[0] - first.numbers[0], 0.125, atol=1e-6
    )  # 0.5 · 2 / 8
    assert second.numbers.dtype == np.float32


def test_trajectories_survive_a_file(tmp_path):
    trajectories = [e.trajectory for e in play_corridor(ahead, range(2))]
    save_trajectories(tmp_path / 'round.safetensors', trajectories)
    for one, other in zip(
        load_trajectories(tmp_path / 'round.safetensors'), trajectories, strict=True
    ):
        assert (one.episode_id, one.purpose) == (other.episode_id, 'practice')
        for name in ('observations', 'actions', 'rewards', 'terminated'):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
            assert getattr(one, name).dtype == getattr(other, name).dtype


def test_a_chunk_is_played_to_its_end_before_the_next_decision():
    asked = []

    def act(observations):
        asked.append([each.numbers[0] for each in observations])
        return np.tile(np.float32([0.25, 0.5, 1.0]), (len(observations), 1))

    (episode,) = play_corridor(act, [0], 1)
    t = episode.trajectory
    assert t.actions[:, 0].tolist() == pytest.approx([0.25, 0.5, ACTION_LIMIT] * 2)
    np.testing.assert_array_equal(np.concatenate(asked), t.observations[[0, 3], 0])


LANE = EnvironmentConfig(
    id='Lane-v0',
    observation_keys=('place',),
    cameras={'front': 'picture'},
    instruction='go right',
    max_steps=6,
)


def test_an_evaluation_sees_pictures_and_keeps_none():
    def act(observations):
        assert all(each.pictures['front'].shape == (16, 24, 3) for each in observations)
        return ahead(observations)

    for episode in play_corridor(act, range(3), 2, LANE, 'evaluation'):
        assert episode.trajectory.films == {}
        assert episode.trajectory.success


def test_pictures_and_instruction_are_kept_as_played(tmp_path):
    seen = []

    def act(observations):
        seen.append(observations[0].pictures['front'])
        return ahead(observations)

    trajectories = [e.trajectory for e in play_corridor(act, range(2), 1, LANE)]
    film = trajectories[0].films['front']
    assert film.pictures.dtype == np.uint8
    assert len(film) == len(trajectories[0]) + 1
    # The environment draws into one array, which must not change what was seen before.
    np.testing.assert_array_equal(list(film)[:-1], seen[: len(film) - 1])
    assert len({picture.tobytes() for picture in film}) == len(film)
    path = tmp_path / 'round.safetensors'
    save_trajectories(path, trajectories)
    for loaded, played in zip(load_trajectories(path), trajectories, strict=True):
        assert loaded.instruction == played.instruction == 'go right'
        film = loaded.films['front']
        assert (len(film), film.size) == (len(played) + 1, (16, 24))
        np.testing.assert_array_equal(list(film), played.films['front'].pictures)
        np.testing.assert_array_equal(loaded.observations, played.observations)
