# SPDX-License-Identifier: Apache-2.0
"""The only node that moves the arm: targets in, safe joint commands out."""

from pathlib import Path
import time

from diagnostic_msgs.msg import DiagnosticArray
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from interbotix_xs_msgs.srv import OperatingModes
import rclpy
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.task import Future
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from parl_msgs.msg import EndEffectorTarget, EpisodeStatus
from parl_msgs.srv import GoToStart
from widowx_driver import message_conversion as convert
from widowx_driver.arm_state import ArmState
from widowx_driver.command import Command, Hold
from widowx_driver.command_sender import CommandSender
from widowx_driver.driver_config import DriverConfig
from widowx_driver.driver_report import driver_report, Level, TargetCounter
from widowx_driver.operating_modes import OperatingModeSetup
from widowx_driver.safety_shell import SafetyShell
from widowx_driver.start_motion import StartMotion, StartResult
from widowx_driver.task_file import load_driver_task


class DriverNode(Node):
    """Converts, asks the safety shell, publishes."""

    def __init__(self, parameter_overrides: list[Parameter] | None = None) -> None:
        super().__init__('driver', parameter_overrides=parameter_overrides)
        task_file = self.declare_parameter('task_file', '').value
        self._config = DriverConfig()
        self._task = load_driver_task(Path(task_file))
        self._shell = SafetyShell(self._config, self._task)
        self._motion = StartMotion(self._shell, self._config, self._task)
        self._state: ArmState | None = None
        self._start_result: Future | None = None
        self._sender = CommandSender(self._publish, time.monotonic)
        self._counter = TargetCounter()

        self._executed = self.create_publisher(EndEffectorTarget, 'executed_target', 10)
        self._single = self.create_publisher(JointSingleCommand, 'commands/joint_single', 10)
        self._group = self.create_publisher(JointGroupCommand, 'commands/joint_group', 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._modes = OperatingModeSetup(
            self.create_client(OperatingModes, 'set_operating_modes'),
            convert.operating_mode_requests(self._config),
        )
        # joint_states first and only the newest: a target that arrives with it must not meet an
        # older one, and the executor takes one message of each topic in the order of creation.
        newest = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        self.create_subscription(JointState, 'joint_states', self._on_joint_states, newest)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(EpisodeStatus, 'episode', self._on_episode, latched)
        self.create_subscription(EndEffectorTarget, 'target', self._on_target, 1)
        # Reentrant: while this callback waits for the arm to arrive, the others must go on.
        self.create_service(
            GoToStart, 'go_to_start', self._on_go_to_start,
            callback_group=ReentrantCallbackGroup(),
        )  # fmt: skip
        self.create_service(Trigger, 'stop', self._on_stop)
        self.create_service(Trigger, 'resume', self._on_resume)
        self.create_timer(1.0, self._diagnose)

    def _now_s(self) -> float:
        """Node clock, or the newest joint state if /clock lags behind it."""
        now_s = self.get_clock().now().nanoseconds * 1e-9
        return now_s if self._state is None else max(now_s, self._state.stamp_s)

    def _on_joint_states(self, message: JointState) -> None:
        self._state = convert.arm_state_from_message(message)
        if self._shell.observe(self._state):
            self._modes.reset()
            self._sender.forget()
            self._finish_start(StartResult(success=False, message='the arm was restarted'))
        self._modes.poll()
        self._sender.repeat_if_unheard(self._state.stamp_s)
        self._advance_start()

    def _on_episode(self, message: EpisodeStatus) -> None:
        self._shell.set_episode_running(message.state == EpisodeStatus.RUNNING, self._now_s())

    def _on_target(self, message: EndEffectorTarget) -> None:
        target = convert.target_from_message(message)
        outcome = self._shell.command(target, self._state, self._now_s())
        self._counter.count(outcome)
        standing = self._shell.standing(self._state)
        if standing is not None:
            limited = isinstance(outcome, Hold) or outcome.limited
            frame = self._task.base_frame
            self._executed.publish(
                convert.executed_target_message(message, frame, *standing, limited, outcome.reason)
            )
        # A hold repeats the last command, so that time goes on where it waits for commands.
        if self._shell.last_command is not None and self._state is not None:
            self._sender.send(self._shell.last_command, self._state.stamp_s)

    def _publish(self, command: Command) -> None:
        self._single.publish(convert.joint_single_message(command))
        self._group.publish(convert.joint_group_message(command))

    async def _on_go_to_start(
        self, request: GoToStart.Request, response: GoToStart.Response
    ) -> GoToStart.Response:
        self._finish_start(StartResult(success=False, message='replaced by a newer call'))
        result = self._motion.begin(self._state, self._now_s())
        if result is None:
            waiting = self._start_result = Future()
            self._advance_start()
            result = await waiting
        response.success, response.message = result.success, result.message
        standing = self._shell.standing(self._state)
        if standing is not None:
            response.target = convert.pose_message(self._task.base_frame, *standing)
            response.target.header.stamp = self.get_clock().now().to_msg()
        return response

    def _advance_start(self) -> None:
        """Send the next set-point of the way to the start pose, or end it, if that is due."""
        if self._state is None:
            return
        step = self._motion.advance(self._state, self._now_s())
        if isinstance(step, Command):
            self._sender.send(step, self._state.stamp_s)
        elif isinstance(step, StartResult):
            self._finish_start(step)

    def _finish_start(self, result: StartResult) -> None:
        self._motion.cancel()
        if self._start_result is not None:
            self._start_result.set_result(result)
            self._start_result = None

    def _on_stop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._shell.stop()
        self._finish_start(StartResult(success=False, message='stopped by the operator'))
        response.success, response.message = True, 'the arm holds; call resume to go on'
        return response

    def _on_resume(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._shell.resume()
        response.success, response.message = True, 'targets are taken again'
        return response

    def _diagnose(self) -> None:
        self._modes.poll()
        report = driver_report(
            self._shell, self._state, self._now_s(), self._counter, self._modes.is_done
        )
        if report.level > Level.OK:
            self.get_logger().warning(report.text)
        stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(convert.diagnostics_message(stamp, self._task.robot, report))


def main() -> None:
    """Run the driver until it is interrupted; the servos keep their last set-points."""
    rclpy.init()
    node: DriverNode | None = None
    try:
        node = DriverNode()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        executor.spin()
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
