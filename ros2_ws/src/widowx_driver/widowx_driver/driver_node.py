# SPDX-License-Identifier: Apache-2.0
"""The only node that moves the arm: targets in, safe joint commands out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
import signal
import time

from diagnostic_msgs.msg import DiagnosticArray
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
import rclpy
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    qos_profile_sensor_data,
    QoSProfile,
    ReliabilityPolicy,
)
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future
from sensor_msgs.msg import CameraInfo, JointState
from std_srvs.srv import Trigger

from parl_msgs.msg import EndEffectorTarget, EpisodeStatus
from parl_msgs.srv import GoToStart
from widowx_driver import interbotix_backend
from widowx_driver import message_conversion as convert
from widowx_driver.arm_backend import ArmBackend
from widowx_driver.arm_state import ArmState
from widowx_driver.command import Command
from widowx_driver.command_sender import CommandSender
from widowx_driver.direct_backend import DirectBackend
from widowx_driver.driver_config import DriverConfig
from widowx_driver.driver_report import driver_report, Level, TargetCounter
from widowx_driver.drop_watch import DropWatch
from widowx_driver.recovery import Recovery
from widowx_driver.rest_motion import RestMotion
from widowx_driver.safety_shell import SafetyShell
from widowx_driver.servo_keeper import ServoKeeper
from widowx_driver.servo_request import Reply, ServoRequest
from widowx_driver.slow_motion import MotionResult, SlowMotion
from widowx_driver.start_motion import StartMotion
from widowx_driver.task_file import load_driver_task

ANSWERING_LIMIT_S = 2.0
"""Wall time that go_to_start waits for servos that did not answer, as after a drop-out."""
PREPARING_LIMIT_S = 60.0
"""Wall time that go_to_start waits for the servos to be prepared."""
ARM_GONE_S = 5.0
"""Wall time without joint_states, repeated or not, after which a slow way is given up."""
POLL_S = 0.05


class DriverNode(Node):
    """Converts, asks the safety shell, publishes."""

    def __init__(self, **node_options: object) -> None:
        """Read the task; `node_options` as rclpy has them.

        Raises ValueError for a bad task file.
        """
        super().__init__('driver', **node_options)
        task_file = self.declare_parameter('task_file', '').value
        # Off where simulated servos push without limit and their effort says nothing.
        self._watches_effort = bool(self.declare_parameter('watch_effort', True).value)
        self._config = DriverConfig()
        self._task = load_driver_task(Path(task_file))
        self._shell = SafetyShell(self._config, self._task)
        self._state: ArmState | None = None
        self._state_heard_s = -float('inf')
        self._counter = TargetCounter()

        self._executed = self.create_publisher(EndEffectorTarget, 'executed_target', 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._backend = self._make_backend()
        self._sender = CommandSender(self._backend.send, time.monotonic)
        self._servos = ServoKeeper(
            self._call_servos, self._config, self._may_let_go, time.monotonic
        )
        self._drops = DropWatch()
        self._to_start = StartMotion(self._shell, self._config, self._task)
        self._to_rest = RestMotion(
            self._shell, self._config, self._task, lambda: self._servos.health.limp
        )
        self._motion: SlowMotion = self._to_start
        self._motion_result: Future | None = None
        self._polls: list[Future] = []
        self._recovery = Recovery(
            self._servos.health, lambda: self._move(self._to_rest), self._reboot, time.monotonic
        )
        self._make_subscriptions()
        self._make_services()
        # The wall's clock: the simulated one stands still between commands.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, self._diagnose, clock=steady)
        self.create_timer(POLL_S, self._poll, clock=steady)

    def _make_backend(self) -> ArmBackend:
        clients = {
            name: self.create_client(service, name)
            for name, service in convert.SERVO_SERVICES.items()
        }
        if interbotix_backend.is_installed():
            return interbotix_backend.InterbotixBackend(
                self._task.robot,
                lambda: (
                    self._state is not None
                    and all(client.service_is_ready() for client in clients.values())
                ),
                time.monotonic,
            )
        single = self.create_publisher(JointSingleCommand, 'commands/joint_single', 10)
        group = self.create_publisher(JointGroupCommand, 'commands/joint_group', 10)

        def publish(command: Command) -> None:
            single.publish(convert.joint_single_message(command))
            group.publish(convert.joint_group_message(command))

        return DirectBackend(publish, clients, convert.service_request)

    def _make_subscriptions(self) -> None:
        # joint_states first and only the newest: a target that arrives with it must not meet an
        # older one, and the executor takes one message of each topic in the order of creation.
        newest = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        self.create_subscription(JointState, 'joint_states', self._on_joint_states, newest)
        self.create_subscription(
            CameraInfo, 'camera/color/camera_info', self._on_frame, qos_profile_sensor_data
        )
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(EpisodeStatus, 'episode', self._on_episode, latched)
        self.create_subscription(EndEffectorTarget, 'target', self._on_target, 1)

    def _make_services(self) -> None:
        # Reentrant: while these wait for the arm to arrive, the others must go on.
        waiting = ReentrantCallbackGroup()
        self.create_service(GoToStart, 'go_to_start', self._on_go_to_start, callback_group=waiting)
        self.create_service(Trigger, 'recover', self._on_recover, callback_group=waiting)
        self.create_service(Trigger, 'park', self._on_park, callback_group=waiting)
        self.create_service(Trigger, 'stop', self._on_stop)
        self.create_service(Trigger, 'resume', self._on_resume)

    @property
    def is_ready(self) -> bool:
        """Whether go_to_start may be called without waiting."""
        return self._servos.is_prepared

    @property
    def backend_name(self) -> str:
        """Which backend speaks to the arm."""
        return self._backend.name

    def _now_s(self) -> float:
        """Node clock, or the newest joint state if /clock lags behind it."""
        now_s = self.get_clock().now().nanoseconds * 1e-9
        return now_s if self._state is None else max(now_s, self._state.stamp_s)

    def _on_joint_states(self, message: JointState) -> None:
        state = convert.arm_state_from_message(message)
        self._state = state if self._watches_effort else replace(state, efforts=None)
        self._state_heard_s = time.monotonic()
        if self._shell.observe(self._state):
            self._servos.restart()
            self._sender.forget()
            self._finish_motion(MotionResult(success=False, message='the arm was restarted'))
        held = self._shell.watch(self._state)
        if held is not None and self._backend_is_ready():
            self.get_logger().error(held.reason)
            self._sender.send(held, self._state.stamp_s)
        if self._drops.suspects(state):
            self._servos.look_soon()
        self._poll_servos()
        self._sender.repeat_if_unheard(self._state.stamp_s)
        self._advance_motion()

    def _on_frame(self, message: CameraInfo) -> None:
        self._shell.note_frame(convert.stamp_to_seconds(message.header.stamp))

    def _poll(self) -> None:
        self._backend_is_ready()
        self._poll_servos()
        is_silent = time.monotonic() - self._state_heard_s > ARM_GONE_S
        if is_silent or self.count_publishers('joint_states') == 0:
            self._finish_motion(MotionResult(success=False, message='joint_states stopped'))
        polls, self._polls = self._polls, []
        for waiting in polls:
            waiting.set_result(None)

    def _poll_servos(self) -> None:
        self._servos.poll()
        self._shell.note_servo_fault(
            self._servos.health.fault() if self._servos.is_prepared else ''
        )

    def _backend_is_ready(self) -> bool:
        return not self._backend.fault()

    def _call_servos(self, request: ServoRequest) -> Reply | None:
        return self._backend.call(request)

    def _may_let_go(self) -> bool:
        state = self._state
        return state is not None and not state.fault and self._to_rest.rests(state)

    def _on_episode(self, message: EpisodeStatus) -> None:
        self._shell.set_episode_running(message.state == EpisodeStatus.RUNNING, self._now_s())

    def _on_target(self, message: EndEffectorTarget) -> None:
        target = convert.target_from_message(message)
        outcome = self._shell.command(target, self._state, self._now_s())
        self._counter.count(outcome)
        standing = self._shell.standing(self._state)
        if standing is not None:
            frame = self._task.base_frame
            self._executed.publish(
                convert.executed_target_message(message, frame, *standing, outcome)
            )
        # A hold repeats the last command, so that time goes on where it waits for commands.
        last, state = self._shell.last_command, self._state
        if last is not None and state is not None and self._backend_is_ready():
            self._sender.send(last, state.stamp_s)
            self._servos.note_command()

    async def _on_go_to_start(
        self, request: GoToStart.Request, response: GoToStart.Response
    ) -> GoToStart.Response:
        result = await self._when_prepared()
        if result.success and self._servos.health.errors:
            result = await self._recovery.alone()
        if result.success:
            result = await self._move(self._to_start)
        response.success, response.message = result.success, result.message
        standing = self._shell.standing(self._state)
        if standing is not None:
            response.target = convert.pose_message(self._task.base_frame, *standing)
            response.target.header.stamp = self.get_clock().now().to_msg()
        return response

    async def _on_recover(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        result = await self._recovery.supported()
        response.success, response.message = result.success, result.message
        return response

    async def _on_park(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        result = await self.park()
        response.success, response.message = result.success, result.message
        return response

    async def park(self) -> MotionResult:
        """Lead the arm to its rest pose, torque on; give up if it cannot be moved now."""
        if not self._servos.is_prepared:
            return MotionResult(success=False, message=self._servos.fault())
        return await self._move(self._to_rest)

    async def _when_prepared(self) -> MotionResult:
        """Wait until the servos are prepared, but not for ever."""
        await self._until(lambda: self._servos.is_prepared, PREPARING_LIMIT_S)
        await self._until(lambda: self._servos.health.answers, ANSWERING_LIMIT_S)
        return MotionResult(success=self._servos.is_prepared, message=self._servos.fault())

    async def _until(self, is_done: Callable[[], bool], limit_s: float) -> None:
        end_s = time.monotonic() + limit_s
        while not is_done() and time.monotonic() < end_s:
            waiting = Future()
            self._polls.append(waiting)
            await waiting

    async def _reboot(self) -> MotionResult:
        self._finish_motion(MotionResult(success=False, message='replaced by a recovery'))
        self._shell.forget('servos were rebooted; call go_to_start')
        waiting = Future()
        self._servos.reboot(waiting.set_result)
        fault = await waiting
        self._shell.note_servo_fault(self._servos.fault() if fault else '')
        text = fault or 'the servos hold again; call go_to_start'
        return MotionResult(success=not fault, message=text)

    async def _move(self, motion: SlowMotion) -> MotionResult:
        self._finish_motion(MotionResult(success=False, message='replaced by a newer call'))
        result = motion.begin(self._state, self._now_s())
        if result is None:
            self._motion, self._motion_result = motion, Future()
            waiting = self._motion_result
            self._advance_motion()
            result = await waiting
        return result

    def _advance_motion(self) -> None:
        """Send the next set-point of a slow way, or end it, if that is due."""
        if self._state is None or not self._backend_is_ready():
            return
        step = self._motion.advance(self._state, self._now_s())
        if isinstance(step, Command):
            self._sender.send(step, self._state.stamp_s)
        elif isinstance(step, MotionResult):
            self._finish_motion(step)

    def _finish_motion(self, result: MotionResult) -> None:
        self._motion.cancel()
        if self._motion_result is not None:
            waiting, self._motion_result = self._motion_result, None
            waiting.set_result(result)

    def _on_stop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._shell.stop()
        self._finish_motion(MotionResult(success=False, message='stopped by the operator'))
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
            self._now_s(),
            self._counter,
            self._servos,
            self._backend.fault(),
        )
        if report.level > Level.OK:
            self.get_logger().warning(report.text)
        stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(convert.diagnostics_message(stamp, self._task.robot, report))

    def destroy_node(self) -> None:
        """Let go of the arm's interface with the node."""
        self._backend.close()
        super().destroy_node()


class Interrupts:
    """Counts Ctrl-C and SIGTERM instead of raising in the middle of a callback."""

    def __init__(self) -> None:
        self.count = 0
        signal.signal(signal.SIGINT, self._note)
        signal.signal(signal.SIGTERM, self._note)

    def _note(self, _number: int, _frame: object) -> None:
        self.count += 1


def main() -> None:
    """Run the driver; the first Ctrl-C parks the arm, the second ends it where it stands.

    The node has a context of its own: the vendor's modules use the default one, with its signals.
    """
    interrupts = Interrupts()
    context = Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = DriverNode(context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    parking = None
    try:
        while context.ok() and interrupts.count < 2 and not (parking and parking.done()):
            if interrupts.count and parking is None:
                node.get_logger().info('parking the arm; Ctrl-C again leaves it where it is')
                parking = executor.create_task(node.park)
            executor.spin_once(timeout_sec=0.1)
    except ExternalShutdownException:
        pass
    finally:
        if parking and parking.done() and not parking.exception():
            node.get_logger().info(f'parked: {parking.result().message}')
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()


if __name__ == '__main__':
    main()
