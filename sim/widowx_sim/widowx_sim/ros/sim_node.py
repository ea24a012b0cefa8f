# SPDX-License-Identifier: Apache-2.0
"""The simulated station behind the ROS interface of the real arm."""

from collections.abc import Callable
import signal
import time

import numpy as np
from numpy.typing import NDArray
import rclpy
from rclpy.signals import SignalHandlerOptions
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import CameraInfo, Image

from parl_files.config_file import ConfigError
from parl_msgs.srv import InjectFault, Reset
from parl_node.config_parameters import config_parameters
from parl_node.executor import NodeExecutor
from parl_node.message_conversion import stamp_from_nanoseconds
from parl_node.run_node import node_process
from parl_node.steady_timer import steady_timer
from widowx_sim.ros import message_conversion as conversion
from widowx_sim.ros.station_node import StationNode
from widowx_sim.scene import wrist_camera
from widowx_sim.servos.bus import ServoBus
from widowx_sim.servos.command_error import CommandError
from widowx_sim.servos.floats import FloatArray
from widowx_sim.servos.joint_state import JointState
from widowx_sim.servos.start_modes import check_start_modes, set_vendor_modes
from widowx_sim.station.faults import StationFaults
from widowx_sim.station.paced_station import PacedStation
from widowx_sim.station.pacing import PacingConfig
from widowx_sim.station.station import Station


class SimNode(StationNode):
    """Publishes the measurements of arm and camera, and takes commands and requests."""

    def __init__(self, **node_options: object) -> None:
        """Build the station; `node_options` are those of rclpy.

        Raises:
            ConfigError: A parameter is wrong, the task file cannot be used, or the arm cannot
                reach the start pose.
        """
        super().__init__('sim', **node_options)
        config = config_parameters(self, PacingConfig)
        modes, self._failed_read = self._read_parameters()
        # Built only after the parameters are checked, because it holds a graphics context.
        self._station = Station(self.declare_parameter('task_file', '').value)
        self._paced = PacedStation(
            self._station, config, self._measure_joints, self._publish_frame, self._send_joints
        )
        self._unsent: list[tuple[JointState, int]] = []
        bus = ServoBus(self._station, self._paced.stall)
        if modes == 'vendor':
            set_vendor_modes(bus)
        self._faults = StationFaults(self._station.servos)
        self._frame: tuple[NDArray[np.uint8], int] | None = None
        self._start_ns = time.time_ns()
        self._clock_publisher = self.create_publisher(ClockMessage, '/clock', 10)
        self._image_publisher = self.create_publisher(Image, 'camera/color/image_raw', 2)
        self._info_publisher = self.create_publisher(CameraInfo, 'camera/color/camera_info', 2)
        wrist = f'{wrist_camera.NAME}/color'
        self._wrist_publisher = self.create_publisher(Image, f'{wrist}/image_raw', 2)
        self._wrist_info = self.create_publisher(CameraInfo, f'{wrist}/camera_info', 2)
        self.serve(bus, self._station.task, self._stamp_ns())
        self.create_service(Reset, 'reset', self._on_reset)
        self.create_service(InjectFault, 'inject_fault', self._on_inject_fault)
        # The wall clock, because simulated time stands still between commands.
        steady_timer(self, self._paced.poll_period_s, lambda: self._paced.poll(time.monotonic()))

    def _read_parameters(self) -> tuple[str, float]:
        """Return start_modes, and the position that a failed read reports [rad]."""
        modes = self.declare_parameter('start_modes', 'station').value
        check_start_modes(modes)
        behaviour = self.declare_parameter('read_failure_behavior', 0).value
        if behaviour not in (0, 1):
            raise ConfigError(f'read_failure_behavior is {behaviour}: give 0 (-pi) or 1 (NaN)')
        return modes, (-np.pi if behaviour == 0 else np.nan)

    def now_s(self) -> float:
        """Return the simulated time [s]."""
        return self._station.time_s

    def command(self, motors: list[int], values: FloatArray) -> None:
        """Take a command; in lock-step time may go on. See StationNode."""
        try:
            super().command(motors, values)
        finally:
            self._paced.note_command(motors)

    def deliver(self, motors: list[int], values: FloatArray) -> None:
        """Give goals to motors; on a line that is cut they are lost. See StationNode."""
        if not self._faults.is_active('serial_dropout', self._station.time_s):
            super().deliver(motors, values)

    def on_servo_request(
        self, answer: Callable[..., None], request: object, response: object
    ) -> object:
        """Answer a service of the arm's driver; see StationNode."""
        self._bus.is_cut = self._faults.is_active('serial_dropout', self._station.time_s)
        return super().on_servo_request(answer, request, response)

    def _on_reset(self, request: Reset.Request, response: Reset.Response) -> Reset.Response:
        self._paced.reset(request.seed)
        response.success = True
        response.stamp = stamp_from_nanoseconds(self._stamp_ns())
        return response

    def _on_inject_fault(
        self, request: InjectFault.Request, response: InjectFault.Response
    ) -> InjectFault.Response:
        try:
            response.message = self._faults.inject(
                request.fault, request.joint, request.duration, self._station.time_s
            )
            response.success = True
            self.get_logger().warning(f'injected: {response.message}')
        except CommandError as error:
            response.success, response.message = False, str(error)
        return response

    def _stamp_ns(self) -> int:
        return self._start_ns + round(self._station.time_s * 1e9)

    def _measure_joints(self) -> None:
        now_s = self._station.time_s
        self.play_trajectory()
        if not self._faults.is_active('silence', now_s):
            state = self._station.joint_state()
            if self._faults.is_read_failing(now_s):
                state = JointState.of_failed_read(self._failed_read)
            self._unsent.append((state, self._stamp_ns()))

    def _send_joints(self) -> None:
        for state, stamp_ns in self._unsent:
            self.publish_joint_state(state, stamp_ns)
        self._unsent.clear()
        # The clock comes last, so that no joint state looks old after a reset moved the clock.
        self._clock_publisher.publish(conversion.clock_message(self._stamp_ns()))

    def _publish_frame(self) -> None:
        if self._wrist_publisher.get_subscription_count():
            image = self._station.render_wrist()
            header = (f'{self._station.task.robot}/{wrist_camera.NAME}_optical', self._stamp_ns())
            self._wrist_info.publish(
                conversion.camera_info_message(wrist_camera.intrinsics(), image, *header)
            )
            self._wrist_publisher.publish(conversion.image_message(image, *header))
        if self._faults.is_active('camera_gone', self._station.time_s):
            return
        is_frozen, is_stuck = (
            self._faults.is_active(fault, self._station.time_s)
            for fault in ('camera_frozen', 'camera_stuck')
        )
        if self._frame is None or not (is_frozen or is_stuck):
            self._frame = (self._station.render(), self._stamp_ns())
        image, stamp_ns = self._frame
        header = (self.camera_frame, stamp_ns if is_stuck else self._stamp_ns())
        self._info_publisher.publish(
            conversion.camera_info_message(self._station.camera_intrinsics(), image, *header)
        )
        self._image_publisher.publish(conversion.image_message(image, *header))

    def is_commanded(self) -> bool:
        """Tell whether a node commands the arm, or a driver is there that will."""
        # The vendor's modules begin to publish commands some seconds after the driver's start.
        topics = ('commands/joint_group', 'executed_target')
        return any(self.count_publishers(topic) for topic in topics)

    def destroy_node(self) -> None:
        """Free the graphics context, then destroy the node."""
        self._station.close()
        super().destroy_node()


def _spin_until_left(node: SimNode) -> None:
    interrupts: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: interrupts.append(number))
    executor = NodeExecutor()
    executor.add_node(node)
    while rclpy.ok() and not interrupts:
        executor.spin_once()
    if node.is_commanded():
        node.get_logger().info('the arm stays until nobody commands it any more; SIGTERM ends it')
    while rclpy.ok() and node.is_commanded():
        executor.spin_once()


def main() -> None:
    """Run the node until Ctrl-C, and from then until no node commands the arm any more.

    Ctrl-C on a launch file reaches all its nodes at once, and the driver then parks the arm. This
    arm stays for that, as the real one does. SIGTERM ends it at once.
    """
    with node_process('sim', signal_handler_options=SignalHandlerOptions.SIGTERM):
        node = SimNode()
        try:
            _spin_until_left(node)
        finally:
            node.destroy_node()


if __name__ == '__main__':
    main()
