# SPDX-License-Identifier: Apache-2.0
"""The ROS interface of the real arm, for the node of any simulated station."""

from abc import ABC, abstractmethod
from collections.abc import Callable
import functools

from geometry_msgs.msg import TransformStamped
from interbotix_xs_msgs.msg import (
    JointGroupCommand,
    JointSingleCommand,
    JointTrajectoryCommand,
)
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState

from widowx_sim.ros import message_conversion as conversion
from widowx_sim.scene import camera_geometry
from widowx_sim.scene.task_scene import TaskScene
from widowx_sim.servos.bus import ServoBus
from widowx_sim.servos.command_error import CommandError
from widowx_sim.servos.floats import FloatArray
from widowx_sim.servos.joint_state import JointState as MeasuredJoints
from widowx_sim.servos.joint_trajectory import TrajectoryPlayer


class StationNode(Node, ABC):
    """Passes commands and requests on to servos, and logs commands that they refuse."""

    def serve(self, bus: ServoBus, task: TaskScene, stamp_ns: int) -> None:
        """Begin to take commands and requests, and publish the pose of the camera.

        Args:
            bus: the bus of the servos.
            task: the task with the camera.
            stamp_ns: time now, since the epoch [ns].
        """
        self._bus = bus
        self._trajectory = TrajectoryPlayer(self.deliver)
        self.camera_frame = f'{task.robot}/{task.camera.name}_optical'
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._transform_publisher = self.create_publisher(
            TransformStamped, 'camera/transform', latched
        )
        pose, base_frame = camera_geometry.optical_pose(task.camera), f'{task.robot}/base_link'
        self._transform_publisher.publish(
            conversion.transform_message(pose, base_frame, self.camera_frame, stamp_ns)
        )
        # Room for the joint states of some control periods, which lock-step sends at once.
        self._joint_publisher = self.create_publisher(JointState, 'joint_states', 100)
        self.create_subscription(JointGroupCommand, 'commands/joint_group', self._on_group, 10)
        self.create_subscription(JointSingleCommand, 'commands/joint_single', self._on_single, 10)
        self.create_subscription(
            JointTrajectoryCommand, 'commands/joint_trajectory', self._on_trajectory, 10
        )
        for name, (service, answer) in conversion.SERVO_SERVICES.items():
            self.create_service(service, name, functools.partial(self.on_servo_request, answer))

    @abstractmethod
    def now_s(self) -> float:
        """Return the simulated time that trajectories go by [s]."""

    def deliver(self, motors: list[int], values: FloatArray) -> None:
        """Give goals to motors; raises CommandError for those that were out of range."""
        self._bus.servos.command(motors, values)

    def command(self, motors: list[int], values: FloatArray) -> None:
        """Take a command for a group or a joint; raises CommandError as `deliver` does."""
        self.deliver(motors, values)

    def on_servo_request(
        self, answer: Callable[..., None], request: object, response: object
    ) -> object:
        """Answer a service of the arm's driver."""
        self.obey(lambda: answer(self._bus, request, response))
        return response

    def play_trajectory(self) -> None:
        """Send the waypoints that are due; call this at every joint state."""
        self.obey(lambda: self._trajectory.poll(self.now_s()))

    def publish_joint_state(self, state: MeasuredJoints, stamp_ns: int) -> None:
        """Publish the servos' measurements."""
        self._joint_publisher.publish(conversion.joint_state_message(state, stamp_ns))

    def obey(self, command: Callable[[], None]) -> None:
        """Carry out a command, and log the reason if it is refused."""
        try:
            command()
        except CommandError as error:
            self.get_logger().error(str(error))

    def _on_group(self, message: JointGroupCommand) -> None:
        self.obey(lambda: self.command(*conversion.group_command(message)))

    def _on_single(self, message: JointSingleCommand) -> None:
        self.obey(lambda: self.command(*conversion.single_command(message)))

    def _on_trajectory(self, message: JointTrajectoryCommand) -> None:
        self.obey(
            lambda: self._trajectory.begin(*conversion.trajectory_command(message), self.now_s())
        )
