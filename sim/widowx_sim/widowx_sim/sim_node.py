# SPDX-License-Identifier: Apache-2.0
"""The simulated station behind the ROS interface of the real arm."""

from collections.abc import Callable
import dataclasses
import functools
import sys
import time

from geometry_msgs.msg import TransformStamped
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from interbotix_xs_msgs.srv import OperatingModes, RegisterValues, RobotInfo
import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import CameraInfo, Image, JointState

from parl_msgs.srv import Reset
from widowx_sim import message_conversion as conversion
from widowx_sim.command_error import CommandError
from widowx_sim.paced_station import PacedStation
from widowx_sim.pacing import PacingConfig, TICK_S
from widowx_sim.station import Station


class SimNode(Node):
    """Publishes what arm and camera measure, and takes commands and requests."""

    def __init__(self, **node_options: object) -> None:
        """Build the station; `node_options` as rclpy has them.

        Raises ValueError for a bad task file or parameter.
        """
        super().__init__('sim', **node_options)
        parameters = {
            field.name: self.declare_parameter(field.name, field.default).value
            for field in dataclasses.fields(PacingConfig)
        }
        config = PacingConfig(**parameters)
        self._station = Station(self.declare_parameter('task_file', '').value)
        self._paced = PacedStation(
            self._station, config, self._publish_joints, self._publish_frame
        )
        self._start_ns = time.time_ns()
        task = self._station.task
        self._camera_frame = f'{task.robot}/{task.camera.name}_optical'
        self._make_publishers(f'{task.robot}/base_link')
        self.create_subscription(JointGroupCommand, 'commands/joint_group', self._on_group, 10)
        self.create_subscription(JointSingleCommand, 'commands/joint_single', self._on_single, 10)
        self._make_services()
        # The wall's clock: the simulated one stands still between commands.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(TICK_S, lambda: self._paced.poll(time.monotonic()), clock=steady)

    def _make_publishers(self, base_frame: str) -> None:
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._clock_publisher = self.create_publisher(ClockMessage, '/clock', 10)
        self._joint_publisher = self.create_publisher(JointState, 'joint_states', 10)
        self._image_publisher = self.create_publisher(Image, 'camera/color/image_raw', 2)
        self._info_publisher = self.create_publisher(CameraInfo, 'camera/color/camera_info', 2)
        self._transform_publisher = self.create_publisher(
            TransformStamped, 'camera/transform', latched
        )
        self._transform_publisher.publish(
            conversion.transform_message(
                self._station.camera_pose(), base_frame, self._camera_frame, self._stamp_ns()
            )
        )

    def _make_services(self) -> None:
        self.create_service(Reset, 'reset', self._on_reset)
        for service, name, answer in (
            (RobotInfo, 'get_robot_info', conversion.answer_robot_info),
            (OperatingModes, 'set_operating_modes', conversion.set_operating_mode),
            (RegisterValues, 'get_motor_registers', conversion.answer_registers),
            (RegisterValues, 'set_motor_registers', conversion.set_registers),
        ):
            self.create_service(service, name, functools.partial(self._on_servo_request, answer))

    def _on_group(self, message: JointGroupCommand) -> None:
        if message.name == 'arm':
            self._obey(lambda: self._paced.command_arm(conversion.arm_command(message)))
        else:
            self.get_logger().error(f'group {message.name!r} takes no commands: give arm')

    def _on_single(self, message: JointSingleCommand) -> None:
        if message.name == 'gripper':
            self._obey(lambda: self._paced.command_gripper(message.cmd))
        else:
            self.get_logger().error(f'joint {message.name!r} takes no commands: give gripper')

    def _on_reset(self, request: Reset.Request, response: Reset.Response) -> Reset.Response:
        self._paced.reset(request.seed)
        response.success = True
        return response

    def _on_servo_request(
        self, answer: Callable[..., None], request: object, response: object
    ) -> object:
        self._obey(lambda: answer(self._station.profile, request, response))
        return response

    def _obey(self, command: Callable[[], None]) -> None:
        try:
            command()
        except CommandError as error:
            self.get_logger().error(str(error))

    def _stamp_ns(self) -> int:
        return self._start_ns + round(self._station.time_s * 1e9)

    def _publish_joints(self) -> None:
        stamp_ns = self._stamp_ns()
        self._joint_publisher.publish(
            conversion.joint_state_message(self._station.joint_state(), stamp_ns)
        )
        # Time comes last: nobody shall find the joints old because a reset moved the clock.
        self._clock_publisher.publish(conversion.clock_message(stamp_ns))

    def _publish_frame(self) -> None:
        header = (self._camera_frame, self._stamp_ns())
        image = self._station.render()
        self._info_publisher.publish(
            conversion.camera_info_message(self._station.camera_intrinsics(), image, *header)
        )
        self._image_publisher.publish(conversion.image_message(image, *header))

    def destroy_node(self) -> None:
        """Free the graphics context with the node."""
        self._station.close()
        super().destroy_node()


def main() -> None:
    """Run the node until it is interrupted."""
    rclpy.init()
    node = None
    try:
        node = SimNode()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        executor.spin()
    except ValueError as error:
        sys.exit(f'sim: {error}')
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RuntimeError:
        if rclpy.ok():  # else Ctrl-C came while rclpy took a message
            raise
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
