# SPDX-License-Identifier: Apache-2.0
"""Drills of the whole station while the script plays: camera, detector, policy, grasp, bus, stop.

In each the arm stands, /diagnostics names what failed, the episode is aborted and kept out of
training, and the next one is played. After a stop it is the operator who discards it.
"""

import time

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='no ROS 2 in this Python')

from drill import Drill, HOLD_S, SharedDrill, stamp_s
from rclpy.action import ActionClient
from std_srvs.srv import Trigger

from parl_files.artifact_store import ArtifactStore
from parl_files.episode_library import EpisodeLibrary
from parl_msgs.action import RunEpisode
from parl_msgs.msg import EpisodeStatus, ObjectPositions
from parl_msgs.srv import LabelEpisode

pytestmark = pytest.mark.timeout(1800)

DETECTOR, POLICY = 'reward_detector.ros.reward_detector_node', 'parl_policy.ros.policy_node'
DRIVER, SCRIPT = 'widowx_driver.ros.driver_node', 'widowx_sim.ros.demonstrator_node'
PERIOD_S = 0.2
FOR_EVER_S = 3600.0
GOAL_LIMIT_S = 20.0


class StationDrill(Drill):
    """Asks for episodes; each test breaks one, then another."""

    def __init__(self, data_folder):
        super().__init__(camera_rate_hz=10.0)
        self._store = ArtifactStore(data_folder / 'artifacts')
        self._data_folder = data_folder
        self._positions_s = -np.inf
        self.node.create_subscription(ObjectPositions, 'object_positions', self._on_positions, 10)
        for module in (DRIVER, SCRIPT):
            self.start(module)
        self.start_policy()
        self.start_detector()
        self._client = ActionClient(self.node, RunEpisode, 'run_episode')
        self._count = 0

    def _on_positions(self, message):
        self._positions_s = stamp_s(message)

    def start_detector(self):
        """Start it and wait until it sees: an episode gives it no more time than any input."""
        begin_s = self.now_s
        self.start(DETECTOR)
        self.wait(lambda: self._positions_s > begin_s, 'object positions')

    def start_policy(self):
        self.start(POLICY, data_folder=self._data_folder)

    def begin_episode(self, max_steps=60):
        """Ask for an episode until the policy node begins one; return its id.

        A goal sent while a node of just now is still being discovered may be lost.
        """
        while True:
            self.wait(self._client.server_is_ready, 'run_episode')
            self._count += 1
            goal = RunEpisode.Goal(
                episode_id=f'practice-{self._count:04d}', purpose='practice',
                actor='demonstrator/act', seed=self._count, max_steps=max_steps,
            )  # fmt: skip
            sent = self._client.send_goal_async(goal)
            end = time.monotonic() + GOAL_LIMIT_S
            self.wait(lambda: sent.done() or time.monotonic() > end, 'an answer')  # noqa: B023
            if sent.done() and sent.result().accepted:
                self._answer = sent.result().get_result_async()
                return goal.episode_id
            # An episode whose answer was lost plays on; asked at once, thousands would be refused.
            self.let_pass(PERIOD_S)

    def play_until(self, is_there, what):
        """Play an episode until something is so; return its id."""
        episode_id = self.begin_episode()

        def is_reached():
            assert not self._answer.done(), self._answer.result().result.reason
            mine = [m for _, m in self.executed[-3:] if m.episode_id == episode_id]
            return len(mine) == 3 and mine[-1].step >= 3 and is_there(mine[-1])

        self.wait(is_reached, what)
        # In the middle between two targets: the next one is on its way soon.
        self.let_pass(PERIOD_S / 2)
        return episode_id

    def play_on(self):
        """Play until the arm is on its way to the cup."""
        return self.play_until(lambda message: True, 'the arm on its way')

    def play_to_the_end(self):
        """Play a short episode that nothing disturbs; it is trained on."""
        episode_id = self.begin_episode(max_steps=5)
        result = self.result()
        assert result.outcome == EpisodeStatus.TIMEOUT, result.reason
        assert episode_id in self.trained_on()

    def result(self):
        self.wait(self._answer.done, 'the end of the episode')
        return self._answer.result().result

    def trained_on(self):
        library = EpisodeLibrary(self._store, pytest.fail)
        library.refresh()
        return library.completed('practice')

    def assert_aborted(self, episode_id, words):
        result = self.result()
        assert result.outcome == EpisodeStatus.ABORTED
        assert words in result.reason
        assert episode_id not in self.trained_on()

    def assert_held(self, within_s, joints=slice(0, 6)):
        """No set-point came later than that after the fault, and the arm stood after the last.

        The servos take a control period to carry one out.
        """
        moved_s = self.last_moved_s() - self.begin_s
        print(
            f'last set-points after {moved_s:.2f} s, '
            f'arm stood after {self.stood_after_s(joints):.2f} s'
        )
        assert moved_s < within_s
        assert self.stood_after_s(joints) < max(moved_s, 0.0) + HOLD_S


@pytest.fixture(scope='module')
def shared(module_ros_domain, tmp_path_factory):
    shared = SharedDrill(lambda: StationDrill(tmp_path_factory.mktemp('station')))
    yield shared
    shared.close()


@pytest.fixture
def drill(shared):
    return shared.begin()


def test_camera_frozen_stuck_and_gone(drill):
    for fault, words, within_s in (
        # A frozen picture is known by its third time.
        ('camera_frozen', 'same picture although the arm moves', HOLD_S + PERIOD_S),
        ('camera_stuck', 'newest camera frame is', HOLD_S),
        ('camera_gone', 'newest camera frame is', HOLD_S),
    ):
        episode_id = drill.play_on()
        drill.inject(fault, duration=FOR_EVER_S)
        drill.named(words)
        drill.named('s: object_positions: nothing new; are camera and reward detector running?')
        drill.assert_aborted(episode_id, 'object_positions: nothing new')
        drill.assert_held(within_s)
        drill.inject(fault, duration=0.01)
    drill.play_to_the_end()
    drill.end()


def test_reward_detector_and_policy_killed(drill):
    episode_id = drill.play_on()
    drill.kill(DETECTOR)
    drill.named('s: object_positions: nothing new; are camera and reward detector running?')
    drill.assert_aborted(episode_id, 'object_positions: nothing new')
    drill.assert_held(HOLD_S)
    drill.start_detector()

    episode_id = drill.play_on()
    drill.kill(POLICY)
    drill.named('no target for')
    drill.assert_held(HOLD_S)
    assert episode_id not in drill.trained_on()
    drill.start_policy()
    drill.play_to_the_end()
    drill.end()


@pytest.mark.parametrize('joint', ['elbow', 'gripper'])
def test_servo_overload_in_mid_grasp(drill, joint):
    episode_id = drill.play_until(
        lambda message: message.gripper < 0.5 and message.pose.position.z > 0.06,
        'the cup lifted',
    )
    drill.inject('overload', joint=joint)
    drill.named(f'{joint}: overload')
    drill.assert_aborted(episode_id, f'{joint}: overload')
    drill.let_pass(1.0)
    others = np.flatnonzero(np.arange(6) != 2) if joint == 'elbow' else slice(0, 6)
    drill.assert_held(HOLD_S, others)
    # Someone holds the arm; that it lays itself down first is another drill.
    reply = drill.call(Trigger, 'recover')
    assert reply.success, reply.message
    drill.play_to_the_end()
    drill.end()


def test_serial_drop_out_and_stop(drill):
    episode_id = drill.play_on()
    drill.inject('serial_dropout', duration=1.0)
    drill.named('failed bus read')
    drill.assert_aborted(episode_id, '')
    drill.assert_held(HOLD_S)

    # The policy goes on against a stopped arm: its episode is given up.
    episode_id = drill.play_on()
    drill.begin_fault()
    assert drill.call(Trigger, 'stop').success
    drill.assert_aborted(episode_id, 'stopped by the operator')
    drill.assert_held(HOLD_S)
    assert drill.call(Trigger, 'resume').success

    # As the operator's panel does: stop, and no more steps; then the episode is discarded.
    episode_id = drill.play_on()
    drill.begin_fault()
    for name in ('stop', 'policy/pause'):
        assert drill.call(Trigger, name).success
    drill.named('stopped by the operator')
    drill.let_pass(1.0)
    assert drill.call(LabelEpisode, 'label_episode', label=LabelEpisode.Request.DISCARD).success
    drill.assert_held(HOLD_S)
    for name in ('resume', 'policy/resume'):
        assert drill.call(Trigger, name).success
    assert drill.result().outcome == EpisodeStatus.DISCARDED
    assert episode_id not in drill.trained_on()
    drill.play_to_the_end()
    drill.end()
