# SPDX-License-Identifier: Apache-2.0
"""The real node with a fake camera, a fake arm and a fake policy around it."""

from collections.abc import Callable
import time

import numpy as np
import pytest

pytest.importorskip('parl_msgs', reason='the workspace is not built')
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image, JointState
from visualization_msgs.msg import MarkerArray

from parl_files.config_file import ConfigError
from parl_msgs.msg import EpisodeStatus, ObjectPositions, Reward
from parl_node.message_conversion import stamp_from_nanoseconds
from reward_detector.ros.reward_detector_node import RewardDetectorNode

RACK = (0.28, 0.16)
OPEN, AROUND_CUP = 0.037, 0.029


class FakeStation(Node):
    """Camera, arm and policy: publishes what the detector hears and keeps what it says."""

    def __init__(self) -> None:
        super().__init__('fake_station')
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.image = self.create_publisher(Image, 'camera/color/image_raw', 2)
        self.joints = self.create_publisher(JointState, 'joint_states', 10)
        self.episode = self.create_publisher(EpisodeStatus, 'episode', latched)
        self.waist = 0.0
        self.rewards: list[Reward] = []
        self.positions: list[ObjectPositions] = []
        self.markers: list[MarkerArray] = []
        self.diagnostics: list[DiagnosticArray] = []
        self.create_subscription(Reward, 'reward', self.rewards.append, 10)
        self.create_subscription(ObjectPositions, 'object_positions', self.positions.append, 10)
        self.create_subscription(MarkerArray, 'object_markers', self.markers.append, 10)
        self.create_subscription(DiagnosticArray, '/diagnostics', self.diagnostics.append, 10)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)

    def host(self, node: Node) -> None:
        self._executor.add_node(node)

    def until(self, condition: Callable[[], bool], limit_s: float = 100.0) -> None:
        end = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < end, f'not within {limit_s} s'
            self._executor.spin_once(timeout_sec=0.05)

    def linger(self, duration_s: float) -> None:
        """Spin for a while: for what must not happen, or must last."""
        end = time.monotonic() + duration_s
        self.until(lambda: time.monotonic() > end)

    def stamp(self, back_s: float = 0.0) -> Time:
        return stamp_from_nanoseconds(self.get_clock().now().nanoseconds - int(1e9 * back_s))

    def show(self, image: np.ndarray, stamp: Time, encoding: str = 'rgb8') -> None:
        message = Image(height=image.shape[0], width=image.shape[1], encoding=encoding)
        message.step = 3 * image.shape[1]
        message.data = image.tobytes()
        message.header.stamp = stamp
        self.image.publish(message)

    def fingers(self, finger_m: float, stamp: Time) -> None:
        names = ['waist', 'gripper', 'left_finger']
        message = JointState(name=names, position=[self.waist, 0.0, finger_m])
        message.header.stamp = stamp
        self.joints.publish(message)

    def frame(self, image: np.ndarray, finger_m: float = OPEN, back_s: float = 0.0) -> Reward:
        """Publish joint state and frame of one instant and return the detector's answer."""
        stamp, before = self.stamp(back_s), len(self.rewards)
        self.fingers(finger_m, stamp)
        self.show(image, stamp)
        answers: list[Reward] = []

        def is_answered() -> bool:
            answers[:] = [each for each in self.rewards[before:] if each.header.stamp == stamp]
            return bool(answers)

        self.until(is_answered)
        return answers[0]

    def run(self, episode_id: str, state: int = EpisodeStatus.RUNNING) -> None:
        self.episode.publish(EpisodeStatus(episode_id=episode_id, state=state))

    def close(self) -> None:
        for node in list(self._executor.get_nodes()):
            node.destroy_node()
        self._executor.shutdown()


@pytest.fixture
def station(ros_domain, cup_task):
    fake = FakeStation()
    task_file = Parameter('task_file', value=str(cup_task))
    detector = RewardDetectorNode(parameter_overrides=[task_file])
    fake.host(detector)
    try:
        fake.until(
            lambda: (
                fake.image.get_subscription_count()
                and fake.joints.get_subscription_count()
                and detector.count_subscribers('reward')
                and detector.count_subscribers('object_positions')
            )
        )
        yield fake
    finally:
        fake.close()


def test_a_placed_cup_is_a_success(station, draw):
    assert station.frame(draw((0.27, -0.1))).verdict == Reward.FAILURE
    assert station.rewards[-1].episode_id == ''
    station.run('e1')
    station.until(lambda: station.rewards[-1].episode_id == 'e1')
    on_rack = draw(RACK, 0.02)
    assert station.frame(on_rack, AROUND_CUP).verdict == Reward.FAILURE
    end = time.monotonic() + 100.0
    while station.frame(on_rack).verdict != Reward.SUCCESS:
        assert time.monotonic() < end, station.rewards[-1].reason
        station.linger(0.1)
    station.run('e1', EpisodeStatus.FINISHED)
    station.until(lambda: station.frame(on_rack).episode_id == '')


def test_positions_markers_and_frames(station, draw):
    reward = station.frame(draw((0.27, -0.1)))
    station.until(lambda: station.positions and station.markers)
    seen = station.positions[-1]
    assert seen.header.stamp == reward.header.stamp
    assert seen.header.frame_id == reward.header.frame_id == 'wx250s/base_link'
    assert seen.names == ['cup', 'rack']
    assert list(seen.visible) == [True, True]
    assert seen.positions[0].x == pytest.approx(0.27, abs=0.003)
    assert seen.positions[0].y == pytest.approx(-0.1, abs=0.003)
    assert [marker.ns for marker in station.markers[-1].markers] == ['cup', 'rack']


def test_frame_waits_for_the_joint_state_of_its_time(station, draw):
    stamp = station.stamp()
    station.show(draw((0.27, -0.1)), stamp)
    station.linger(0.3)
    assert station.rewards == []
    station.fingers(OPEN, stamp)
    station.until(lambda: station.rewards)
    assert station.rewards[0].header.stamp == stamp


def test_repeated_frame_is_answered_alike(station, draw):
    station.run('e1')
    station.until(lambda: station.frame(draw((0.27, -0.1))).episode_id == 'e1')
    stamp = station.stamp()
    station.fingers(OPEN, stamp)
    for count in range(1, 6):
        before = len(station.rewards)
        station.show(draw(RACK, 0.02), stamp)
        station.until(lambda n=before: len(station.rewards) > n)
        answer = station.rewards[-1]
        assert (answer.header.stamp, answer.verdict) == (stamp, Reward.UNKNOWN), count
        assert 'for 1 frames' in answer.reason


def test_new_episode_judges_the_newest_frame_again(station, draw):
    first = station.frame(draw((0.27, -0.1)))
    station.run('e1', EpisodeStatus.RESETTING)
    station.run('e1')
    station.until(lambda: len(station.rewards) > 1)
    again = station.rewards[-1]
    assert (again.episode_id, again.verdict) == ('e1', Reward.FAILURE)
    assert again.header.stamp == first.header.stamp


def test_wrong_encoding_is_named_and_unknown(station, draw):
    station.frame(draw((0.27, -0.1)))
    stamp = station.stamp()
    station.fingers(OPEN, stamp)
    station.show(draw((0.27, -0.1)), stamp, encoding='yuv422_yuy2')
    station.until(lambda: len(station.rewards) == 2 and len(station.positions) == 2)
    assert station.rewards[-1].verdict == Reward.UNKNOWN
    assert "'yuv422_yuy2' is not read" in station.rewards[-1].reason
    assert station.rewards[-1].header.stamp == stamp
    assert list(station.positions[-1].visible) == [False, False]
    assert station.positions[-1].positions[0].x == pytest.approx(0.27, abs=0.003)
    # It goes on with the next good frame.
    assert station.frame(draw((0.27, -0.1))).verdict == Reward.FAILURE


@pytest.mark.parametrize('finger', [-np.pi, np.nan])
def test_failed_joint_read_is_unknown(station, draw, finger):
    station.frame(draw((0.27, -0.1)))
    reward = station.frame(draw(RACK, 0.02), finger)
    assert (reward.verdict, reward.reason) == (Reward.UNKNOWN, 'gripper opening is not known')


def test_late_frame_is_unknown(station, draw):
    reward = station.frame(draw((0.27, -0.1)), back_s=0.8)
    assert reward.verdict == Reward.UNKNOWN
    assert reward.reason.startswith('camera frame is 0.')


def camera_status(station: FakeStation) -> list[tuple[int, str]]:
    return [
        (status.level[0], status.message)
        for array in station.diagnostics
        for status in array.status
        if status.name.endswith('reward_detector: camera')
    ]


def test_camera_stops(station, draw):
    station.run('e1')
    reward = station.frame(draw((0.27, -0.1)))
    station.until(lambda: any('s old (limit 0.5 s)' in text for _, text in camera_status(station)))
    assert camera_status(station)[-1][0] in (1, 2)
    station.until(lambda: station.rewards[-1].verdict == Reward.UNKNOWN)
    withdrawn = station.rewards[-1]
    assert withdrawn.header.stamp == reward.header.stamp
    assert withdrawn.reason.startswith('camera frame is ')
    # It comes back.
    assert station.frame(draw((0.27, -0.1))).verdict == Reward.FAILURE


def test_frozen_camera_is_no_evidence_although_its_stamps_go_on(station, draw):
    """Before pictures were watched, a camera that hung was believed for ever."""
    station.run('e1')
    picture = draw((0.27, -0.1))
    for _ in range(4):
        reward = station.frame(picture)
        station.waist += 0.1
    assert (reward.verdict, reward.episode_id) == (Reward.UNKNOWN, 'e1')
    assert reward.reason == 'camera shows the same picture although the arm moves'
    station.linger(0.1)
    assert len(station.positions) == 2
    station.until(lambda: any('restart the camera' in text for _, text in camera_status(station)))
    assert camera_status(station)[-1][0] == 2
    # It comes back.
    assert station.frame(draw((0.28, -0.1))).verdict == Reward.FAILURE
    station.until(lambda: len(station.positions) == 3)


def test_camera_never_came(station):
    station.until(lambda: camera_status(station))
    level, text = camera_status(station)[0]
    assert level == 1
    assert text.startswith('no camera frame in ')


def test_bad_task_file_is_named(ros_domain, tmp_path):
    absent = Parameter('task_file', value=str(tmp_path / 'absent.yaml'))
    with pytest.raises(ConfigError, match=r'absent\.yaml.*give the path of a readable YAML'):
        RewardDetectorNode(parameter_overrides=[absent])
