# SPDX-License-Identifier: Apache-2.0
"""Simulation, detector, driver, policy and panel together; the operator presses keys."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('mujoco', reason='no MuJoCo in this Python')

import rclpy
from rclpy.action import ActionClient
from rclpy.parameter import Parameter

from parl_files.episode_file import read_episode
from parl_msgs.action import RunEpisode
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor_file import ActorConfig, version_to_bytes
from parl_policy.critics.critic import CriticConfig
from parl_policy.episode.observation import ObservationLayout
from parl_policy.policy import ActionSpec
from parl_policy.ros.policy_node import PolicyNode
from reward_detector.ros.reward_detector_node import RewardDetectorNode
from widowx_driver.ros.driver_node import DriverNode
from widowx_operator.ros.operator_panel_node import OperatorPanelNode
from widowx_sim.ros.sim_node import SimNode
from widowx_sim.scene.task_scene import load_task_scene
from widowx_sim.scripted_expert import ExpertConfig, ScriptedExpert


def put_untrained_policy(store):
    config = ActorConfig(
        policy_class='diffusion',
        policy={'hidden': 16, 'blocks': 1},
        critic=CriticConfig(members=2, hidden=(16,), bins=16),
        optimisation=ActionOptimisationConfig(samples=8, particles=4, gradient_steps=2),
        choice='argmax',
        observation_names=tuple(ObservationLayout(object_names=('cup', 'rack')).names),
        action_spec=ActionSpec(horizon=1, dim=7, binary=(6,)),
    )
    content = version_to_bytes(config, config.make_policy(), 'policy', 1)
    return store.put('policy', 1, content, 'safetensors').name


class Station:
    """The whole station in one process, in lock-step, and the operator in front of it."""

    def __init__(self, make_graph, desk, task_file, folder):
        def options(**parameters):
            parameters = {'task_file': str(task_file), **parameters}
            overrides = [Parameter(name, value=value) for name, value in parameters.items()]
            return {'parameter_overrides': overrides}

        timed = {'use_sim_time': True}
        self.policy = PolicyNode(**options(data_folder=str(folder / 'data'), **timed))
        self.client = rclpy.create_node('client')
        self.run_episode = ActionClient(self.client, RunEpisode, 'run_episode')
        self.graph = make_graph(
            SimNode(**options()),
            RewardDetectorNode(**options(**timed)),
            DriverNode(**options(watch_effort=False, **timed)),
            self.policy,
            OperatorPanelNode(desk.terminal, **options(demonstration_steps=60)),
            self.client,
        )
        self.desk = desk
        self.graph.wait(lambda: 'idle' in desk.read() and self.run_episode.server_is_ready())

    def shows(self, words):
        self.graph.wait(lambda: words in self.desk.read())

    def act(self, key, entry, value):
        """Press a key, again if the machine was too slow, until a step has been chosen by it."""
        first = self.policy._player.steps

        def is_done():
            chosen = self.policy._player._proposed[first:]
            if chosen and not len(chosen) % 4:
                self.desk.press(key)
            return any(action[entry] == pytest.approx(value) for action in chosen)

        self.desk.press(key)
        self.graph.wait(is_done)

    def episode(self):
        (record,) = self.policy.store.list('episode')
        return read_episode(self.policy.store.path(record.name))


@pytest.fixture
def station(ros_domain, make_graph, desk, task_file, tmp_path):
    return Station(make_graph, desk, task_file, tmp_path)


@pytest.mark.parametrize(('key', 'outcome'), [('y', 'success'), ('n', 'failed')])
def test_demonstration_by_keys_is_an_episode_file(station, key, outcome):
    station.desk.press('b')
    station.shows('YOU ACT')
    moves = (('D', 1, -1.0), ('F', 2, -1.0), ('g', 6, -1.0), ('j', 5, 0.3))
    for move in moves:
        station.act(*move)
    station.graph.press(key, 'over after')

    episode = station.episode()
    assert np.any(episode.proposed_actions[:3, 1]), 'begins with the first motion'
    assert (episode.purpose, episode.outcome) == ('demonstration', outcome)
    assert episode.episode_id.startswith('demonstration-2')
    assert episode.metadata['actor'] == 'operator/act'
    assert set(episode.policy_versions) == {''}
    assert not episode.interventions.any()
    proposed = episode.proposed_actions
    steps = [np.argmax(proposed[:, entry] == np.float32(value)) for _, entry, value in moves]
    assert steps == sorted(set(steps)), 'one after the other'
    closes = np.flatnonzero(proposed[:, 6] == -1.0)
    assert closes.tolist() == list(range(closes[0], len(episode)))
    np.testing.assert_allclose(episode.actions, proposed, atol=0.02)
    assert episode.rewards[-1] == (0.0 if key == 'y' else -1.0)


def keys_for(action):
    """What a human would press for an action of the script: nothing, a small or a big letter."""
    keys = 'g' if action[6] < 0 else 'h'
    for value, (forward, back) in zip(action[:3], ('ws', 'ad', 'rf'), strict=True):
        key = forward if value > 0 else back
        if abs(value) > 0.15:
            keys += key.upper() if abs(value) > 0.65 else key
    return keys


def test_task_is_done_by_keys_and_the_detector_sees_it(station, task_file, monkeypatch):
    # The scene's seed is the time: the same scene in every run.
    clock = SimpleNamespace(time=lambda: 1, strftime=time.strftime)
    monkeypatch.setattr('widowx_operator.ros.demonstration_recorder.time', clock)
    script = ScriptedExpert(load_task_scene(task_file).script, ExpertConfig(), 0)
    station.desk.press('b')
    station.shows('YOU ACT')
    seen = []

    def press_for_each_step():
        player = station.policy._player
        if player is not None and len(player._states) > len(seen):
            state = player._states[-1]
            seen.append(state)
            cup, rack = state.object_positions
            step, position = len(seen) - 1, state.target.position
            action = script.act(step, position, state.gripper_opening, cup, rack)
            station.desk.press(keys_for(action))
        return 'over after' in station.desk.read()

    station.graph.wait(press_for_each_step)
    episode = station.episode()
    assert (episode.outcome, episode.verdicts[-1]) == ('success', 2)


def test_take_over_of_a_policys_episode_is_recorded_as_intervention(station):
    version = put_untrained_policy(station.policy.store)
    goal = RunEpisode.Goal(episode_id='practice-0000', purpose='practice', max_steps=500, seed=1)
    sent = station.run_episode.send_goal_async(goal)
    station.graph.wait(sent.done)
    result = sent.result().get_result_async()
    station.shows('practice-0000 RUNNING')
    station.graph.wait(lambda: station.policy._player is not None)
    station.graph.press('t', 'the operator acts')
    station.shows('YOU ACT')
    station.act('W', 0, 1.0)
    station.graph.press('t', 'the policy acts')
    first = station.policy._player.steps
    station.graph.wait(lambda: station.policy._player.steps > first + 2)
    station.graph.press('n', 'practice-0000: failed')
    station.graph.wait(result.done)

    episode = station.episode()
    assert episode.metadata['actor'] == ''
    assert episode.interventions.tolist() == [name == '' for name in episode.policy_versions[:-1]]
    turns = np.flatnonzero(np.diff(np.r_[0, episode.interventions, 0]))
    assert len(turns) == 2, 'one stretch by the operator, the policy before and after'
    assert turns[1] < len(episode)
    assert {v for v in episode.policy_versions if v} == {version}
    assert 1.0 in episode.proposed_actions[episode.interventions, 0]


def test_stop_holds_arm_and_episode_and_park_ends_it(station):
    station.desk.press('b')
    station.shows('YOU ACT')
    station.act('a', 1, 0.3)
    station.graph.press(' ', 'policy/pause: paused')
    station.shows('stop: the arm holds')
    station.graph.press('c', 'policy/resume: resumed')
    steps = station.policy._player.steps
    station.graph.wait(lambda: station.policy._player.steps > steps + 2)
    station.graph.press('p', 'park: at the rest pose')
    station.shows('over after')
    # Discarded by its label, or aborted if the driver lets go first: the arm does not wait for it.
    assert not station.episode().outcome.is_played
