# SPDX-License-Identifier: Apache-2.0
"""The reward detector node: for each camera frame it publishes object positions and a verdict."""

from dataclasses import dataclass
import time

from builtin_interfaces.msg import Time
import cv2
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, qos_profile_sensor_data, QoSProfile
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from parl_files.config_file import SharedSection, Text
from parl_files.error import ParlError
from parl_files.task_file import read_task
from parl_msgs.msg import EpisodeStatus, ObjectPositions, Reward
from parl_node.joint_states import subscribe_to_joint_states
from parl_node.message_conversion import gripper_opening, image_to_array, seconds
from parl_node.run_node import node_process, spin
from parl_node.steady_timer import steady_timer
from reward_detector.camera.camera_watch import camera_health, FROZEN
from reward_detector.camera.picture_watch import PictureWatch
from reward_detector.ros.message_conversion import (
    health_to_diagnostics,
    joint_state_to_joints,
    judgement_to_reward,
    objects_to_markers,
    objects_to_message,
)
from reward_detector.verdict.frame_judge import FrameJudge, Judgement
from reward_detector.verdict.gripper_pairing import GripperPairing, PairedFrame

_LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@dataclass(frozen=True, kw_only=True)
class _Frames(SharedSection):
    robot: Text
    """Name of the robot, the prefix of its TF frames."""


class RewardDetectorNode(Node):
    """Publishes `object_positions` and `reward` for every camera frame, with the frame's stamp."""

    def __init__(self, parameter_overrides: list[Parameter] | None = None) -> None:
        """Read the task file named by the parameter `task_file` and subscribe to the camera.

        Raises:
            ConfigError: The task file cannot be used.
        """
        super().__init__('reward_detector', parameter_overrides=parameter_overrides or [])
        path = str(self.declare_parameter('task_file', '').value)
        self._frame_id = f'{read_task(_Frames, path).robot}/base_link'
        self._judge = FrameJudge.from_task_file(path)
        self._max_age_s = self._judge.camera.max_age
        self._pairing: GripperPairing[Image] = GripperPairing(self._max_age_s)
        self._pictures = PictureWatch()
        self._is_frozen = False
        self._newest_stamp: Time | None = None
        self._last_arrival_s = time.monotonic()

        self._positions = self.create_publisher(ObjectPositions, 'object_positions', 10)
        self._reward = self.create_publisher(Reward, 'reward', 10)
        self._markers = self.create_publisher(MarkerArray, 'object_markers', 1)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        sensor = qos_profile_sensor_data
        self.create_subscription(Image, 'camera/color/image_raw', self._on_image, sensor)
        subscribe_to_joint_states(self, self._on_joint_state)
        self.create_subscription(EpisodeStatus, 'episode', self._on_episode, _LATCHED)
        # Wall time, so that a lost camera is noticed even if the simulated clock stops with it.
        steady_timer(self, 1.0, self._watch_camera)

    def _on_image(self, message: Image) -> None:
        self._last_arrival_s = time.monotonic()
        for paired in self._pairing.add_frame(seconds(message.header.stamp), message):
            self._judge_frame(paired)

    def _on_joint_state(self, message: JointState) -> None:
        stamp_s = seconds(message.header.stamp)
        self._pictures.note_joints(stamp_s, joint_state_to_joints(message))
        for paired in self._pairing.add_opening(stamp_s, gripper_opening(message)):
            self._judge_frame(paired)

    def _on_episode(self, message: EpisodeStatus) -> None:
        running = message.episode_id if message.state == EpisodeStatus.RUNNING else ''
        if running == self._judge.episode_id:
            return
        judgement = self._judge.begin_episode(running)
        if running and judgement is not None and self._newest_stamp is not None:
            age_s = self._age_s(judgement.stamp_s)
            if age_s > self._max_age_s:
                judgement = self._stale(judgement.stamp_s, age_s)
            self._publish_reward(judgement, self._newest_stamp)

    def _judge_frame(self, paired: PairedFrame[Image]) -> None:
        """Publish a verdict for one frame, with the frame's stamp, whatever is wrong with it.

        A frozen picture gets no positions: they would be taken for the positions at its stamp.
        """
        stamp = paired.frame.header.stamp
        age_s = self._age_s(paired.stamp_s)
        try:
            image = image_to_array(paired.frame)
            self._is_frozen = self._pictures.is_frozen(paired.stamp_s, image)
            if self._is_frozen:
                self._publish_reward(self._judge.blind(paired.stamp_s, FROZEN), stamp)
                return
            if age_s > self._max_age_s:
                judgement = self._stale(paired.stamp_s, age_s)
            else:
                judgement = self._judge.judge(paired.stamp_s, image, paired.gripper_opening)
        except ParlError as error:
            self.get_logger().error(str(error), throttle_duration_sec=5.0)
            judgement = self._judge.blind(paired.stamp_s, str(error))
        self._newest_stamp = stamp
        header = Header(stamp=stamp, frame_id=self._frame_id)
        self._positions.publish(objects_to_message(judgement.objects, header))
        self._publish_reward(judgement, stamp)
        # A station is seldom watched, and markers cost as much as all the rest of the answer.
        if self._markers.get_subscription_count():
            self._markers.publish(objects_to_markers(judgement.objects, header))

    def _watch_camera(self) -> None:
        """Publish the camera's health; withdraw the verdict when the camera has stopped."""
        stamp = self._newest_stamp
        age_s = None if stamp is None else self._age_s(seconds(stamp))
        silence_s = time.monotonic() - self._last_arrival_s
        health = camera_health(age_s, silence_s, self._max_age_s, self._is_frozen)
        name = f'{self.get_fully_qualified_name()}: camera'
        now = self.get_clock().now().to_msg()
        self._diagnostics.publish(health_to_diagnostics(health, name, now))
        if stamp is not None and age_s is not None and age_s > self._max_age_s:
            self._publish_reward(self._stale(seconds(stamp), age_s), stamp)

    def _stale(self, stamp_s: float, age_s: float) -> Judgement:
        return self._judge.blind(stamp_s, f'camera frame is {age_s:.1f} s old')

    def _age_s(self, stamp_s: float) -> float:
        return 1e-9 * self.get_clock().now().nanoseconds - stamp_s

    def _publish_reward(self, judgement: Judgement, stamp: Time) -> None:
        header = Header(stamp=stamp, frame_id=self._frame_id)
        self._reward.publish(judgement_to_reward(judgement, header))


def main() -> None:
    """Run the node until it is told to stop."""
    cv2.setNumThreads(1)
    with node_process('reward_detector'):
        spin(RewardDetectorNode())


if __name__ == '__main__':
    main()
