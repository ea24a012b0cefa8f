# SPDX-License-Identifier: Apache-2.0
"""The only node that moves the arm: targets in, safe joint commands out."""

from dataclasses import replace
from pathlib import Path
import time

from diagnostic_msgs.msg import DiagnosticArray
import rclpy
from rclpy._rclpy_pybind11 import RCLError
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    qos_profile_sensor_data,
    QoSProfile,
)
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future
from sensor_msgs.msg import CameraInfo, JointState
from std_srvs.srv import Trigger

from parl_msgs.msg import EndEffectorTarget, EpisodeStatus
from parl_msgs.srv import GoToStart
from parl_node.executor import NodeExecutor
from parl_node.joint_states import subscribe_to_joint_states
from parl_node.message_conversion import seconds, stamp
from parl_node.run_node import explained
from parl_node.steady_timer import steady_timer
from widowx_driver.arm.state import ArmState
from widowx_driver.backend.command_sender import CommandSender
from widowx_driver.driver_config import DriverConfig
from widowx_driver.driver_report import driver_report, Level, TargetCounter
from widowx_driver.driver_task import load_driver_task
from widowx_driver.motion.jobs import ArmJobs
from widowx_driver.ros import message_conversion as convert
from widowx_driver.ros.backend_choice import make_backend
from widowx_driver.ros.interrupts import Interrupts, spin_until_parked
from widowx_driver.safety.command import Command
from widowx_driver.safety.drop_watch import DropWatch
from widowx_driver.safety.shell import SafetyShell
from widowx_driver.safety.target_wait import TargetWait
from widowx_driver.servos.keeper import ServoKeeper
from widowx_driver.servos.services import ServoServices

ARM_GONE_S = 5.0
"""Wall time without joint_states, repeated or not, after which a slow motion is given up."""
POLL_S = 0.05


class DriverNode(Node):
    """Converts messages, asks the safety shell, publishes commands."""

    REPORT_S = 1.0
    """Wall time from one report on /diagnostics to the next."""
    CONFIG = DriverConfig()
    """Limits of safety and patience."""

    def __init__(self, **node_options: object) -> None:
        """Read the task; `node_options` are those of rclpy.

        Raises:
            ConfigError: The task file cannot be used.
        """
        super().__init__('driver', **node_options)
        task_file = self.declare_parameter('task_file', '').value
        # False where simulated servos push without limit: their effort says nothing.
        self._watches_effort = bool(self.declare_parameter('watch_effort', True).value)
        self._config = self.CONFIG
        self._task = load_driver_task(Path(task_file))
        self._shell = SafetyShell(self._config, self._task)
        self._state: ArmState | None = None
        self._state_heard_s = -float('inf')
        self._counter = TargetCounter()

        self._executed = self.create_publisher(EndEffectorTarget, 'executed_target', 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        services = convert.SERVO_SERVICES.items()
        clients = {name: self.create_client(service, name) for name, service in services}
        self._servo_services = ServoServices(clients, convert.service_request)
        self._backend = make_backend(
            self,
            self._task.robot,
            lambda: self._state is not None and self._servo_services.are_there(),
        )
        self._sender = CommandSender(self._backend.send, time.monotonic)
        self._servos = ServoKeeper(
            self._servo_services.call,
            self._config,
            lambda: self._jobs.may_let_go(),
            time.monotonic,
        )
        self._drops = DropWatch()
        patience_s = self._config.max_joint_state_age_s
        self._targets = TargetWait[EndEffectorTarget](patience_s, time.monotonic)
        self._jobs = ArmJobs(
            self, self._shell, self._config, self._task, self._servos, Future, time.monotonic
        )
        self._make_subscriptions()
        self._make_services()
        # The wall clock, because simulated time stands still between commands.
        steady_timer(self, self.REPORT_S, self._diagnose)
        steady_timer(self, POLL_S, self._poll)

    def _make_subscriptions(self) -> None:
        # joint_states come first: the executor takes the messages of a topic after those of
        # another, in the order of creation, and a target must meet the newest state.
        subscribe_to_joint_states(self, self._on_joint_states)
        self.create_subscription(
            CameraInfo, 'camera/color/camera_info', self._on_frame, qos_profile_sensor_data
        )
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(EpisodeStatus, 'episode', self._on_episode, latched)
        self.create_subscription(EndEffectorTarget, 'target', self._on_target, 1)

    def _make_services(self) -> None:
        # Reentrant: while these wait for the arm to arrive, the other callbacks must go on.
        waiting = ReentrantCallbackGroup()
        self.create_service(GoToStart, 'go_to_start', self._on_go_to_start, callback_group=waiting)
        for name, job in (('recover', self._jobs.recover), ('park', self._jobs.park)):
            self.create_service(Trigger, name, convert.answer_of(job), callback_group=waiting)
        self.create_service(Trigger, 'stop', self._on_stop)
        self.create_service(Trigger, 'resume', self._on_resume)

    @property
    def is_ready(self) -> bool:
        """Whether go_to_start may be called without waiting."""
        return self._servos.is_prepared

    @property
    def newest_state(self) -> ArmState | None:
        """Newest measured state."""
        return self._state

    def now_s(self) -> float:
        """Return the later of the node clock and the newest joint state's stamp [s]."""
        now_s = self.get_clock().now().nanoseconds * 1e-9
        return now_s if self._state is None else max(now_s, self._state.stamp_s)

    def sending_fault(self) -> str:
        """Return why set-points do not reach the arm, or an empty string."""
        return self._backend.fault()

    def send(self, command: Command) -> None:
        """Send set-points in answer to the newest joint state, if there is one."""
        if self._state is not None:
            self._sender.send(command, self._state.stamp_s)

    def _on_joint_states(self, message: JointState) -> None:
        state = convert.arm_state_from_message(message)
        self._state = state if self._watches_effort else replace(state, efforts=None)
        self._state_heard_s = time.monotonic()
        if self._shell.observe(self._state, self._servos.is_rebooting):
            self._servos.restart()
            self._sender.forget()
            self._jobs.end('the arm was restarted')
        held = self._shell.watch(self._state)
        if held is not None and not self.sending_fault():
            self.get_logger().error(held.reason)
            self.send(held)
        if self._drops.suspects(state):
            self._servos.look_soon()
        self._poll_servos()
        self._sender.note_state(self._state.stamp_s)
        self._jobs.advance()
        self._answer_target()

    def _on_frame(self, message: CameraInfo) -> None:
        self._shell.note_frame(seconds(message.header.stamp))

    def _poll(self) -> None:
        self.sending_fault()  # the vendor's backend is built when the arm is there
        self._poll_servos()
        self._sender.repeat_if_unheard()
        self._answer_target()
        is_silent = time.monotonic() - self._state_heard_s > ARM_GONE_S
        if is_silent or self.count_publishers('joint_states') == 0:
            self._jobs.end('joint_states stopped')
        self._jobs.poll()

    def _poll_servos(self) -> None:
        self._servos.poll()
        self._shell.note_servo_fault(
            self._servos.health.fault() if self._servos.is_prepared else ''
        )

    def _on_episode(self, message: EpisodeStatus) -> None:
        self._shell.set_episode_running(message.state == EpisodeStatus.RUNNING, self.now_s())

    def _on_target(self, message: EndEffectorTarget) -> None:
        self._targets.put(message, seconds(message.header.stamp))
        self._answer_target()

    def _answer_target(self) -> None:
        message = self._targets.take(None if self._state is None else self._state.stamp_s)
        if message is None:
            return
        target = convert.target_from_message(message)
        outcome = self._shell.command(target, self._state, self.now_s())
        self._counter.count(outcome)
        standing = self._shell.standing(self._state)
        if standing is not None:
            frame = self._task.base_frame
            self._executed.publish(
                convert.executed_target_message(message, frame, *standing, outcome)
            )
        # A hold repeats the last command: a simulation in lock-step waits for one.
        last = self._shell.last_command
        if last is not None and not self.sending_fault():
            self.send(last)
            self._servos.note_command()

    async def _on_go_to_start(
        self, request: GoToStart.Request, response: GoToStart.Response
    ) -> GoToStart.Response:
        result = await self._jobs.go_to_start(seconds(request.since))
        response.success, response.message = result.success, result.message
        standing = self._shell.standing(self._state)
        if standing is not None and self._state is not None:
            response.target = convert.pose_message(self._task.base_frame, *standing)
            response.target.header.stamp = stamp(self._state.stamp_s)
        return response

    async def park(self) -> None:
        """Park the arm and log how that went, before the driver ends."""
        result = await self._jobs.park()
        word = 'parked' if result.success else 'NOT parked, the servos hold'
        self.get_logger().info(f'{word}: {result.message}')

    def _on_stop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._shell.stop()
        self._jobs.end('stopped by the operator')
        response.success, response.message = True, 'the arm holds; call resume to go on'
        return response

    def _on_resume(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._shell.resume()
        response.success, response.message = True, 'targets are taken again'
        return response

    def _diagnose(self) -> None:
        report = driver_report(
            self._shell,
            self._state,
            self.now_s(),
            self._counter,
            self._servos,
            self.sending_fault(),
        )
        if report.level > Level.OK:
            self.get_logger().warning(report.text)
        now = self.get_clock().now().to_msg()
        self._diagnostics.publish(convert.diagnostics_message(now, self._task.robot, report))

    def destroy_node(self) -> None:
        """Close the interface to the arm, then destroy the node."""
        self._backend.close()
        super().destroy_node()


def main() -> None:
    """Run the driver; Ctrl-C or SIGTERM parks the arm, a second Ctrl-C leaves it where it is.

    The node has its own context, because the vendor's modules use the default one. The default
    context is initialised here, before the vendor does it: without signal handlers, which would
    shut down every context at Ctrl-C, and without this process's arguments, which would rename
    the vendor's node.
    """
    interrupts = Interrupts()
    context = Context()
    with explained('driver', RCLError):
        rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    executor = NodeExecutor(context=context)
    node = None
    try:
        with explained('driver'):
            node = DriverNode(context=context)
        executor.add_node(node)
        spin_until_parked(executor, node, interrupts)
    except ExternalShutdownException:
        pass
    finally:
        executor.shutdown()
        if node is not None:
            node.destroy_node()
        context.try_shutdown()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
