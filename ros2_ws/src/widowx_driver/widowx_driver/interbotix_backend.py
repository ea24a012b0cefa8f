# SPDX-License-Identifier: Apache-2.0
"""Speaks to the arm through interbotix_xs_modules, whose calls may block or end the process.

Everything that may do so runs in one daemon thread; set-points are published from the caller's.
The vendor's motion functions (`.arm`, `.gripper`) are never used: they solve the kinematics from
cold guesses, trust their last command, play trajectories with a timing defect and leave the
gripper's PWM on.
"""

from collections.abc import Callable
from concurrent.futures import Future
import importlib
import importlib.util
import queue
import threading
from typing import Any

from widowx_driver.arm_model import GRIPPER_NAME
from widowx_driver.command import Command
from widowx_driver.servo_request import ARM_GROUP, Reply, ServoRequest

MODULE = 'interbotix_xs_modules'
CONSTRUCTION_LIMIT_S = 20.0
CLOSING_LIMIT_S = 2.0
"""Wall time that closing waits for; a call that nobody answers any more never ends."""


def is_installed() -> bool:
    """Tell whether the vendor's Python modules are there."""
    return importlib.util.find_spec(MODULE) is not None


class InterbotixBackend:
    """Owns an InterbotixManipulatorXS, built as soon as it cannot block any more."""

    name = MODULE

    def __init__(
        self,
        robot: str,
        is_arm_there: Callable[[], bool],
        wall_clock_s: Callable[[], float],
    ) -> None:
        """Wait for the arm.

        Args:
            robot: name of the arm, also its model.
            is_arm_there: tells whether all services exist and joint_states come: without them
                the vendor's constructor waits for ever.
            wall_clock_s: wall time.
        """
        self._robot = robot
        self._is_arm_there = is_arm_there
        self._wall_clock_s = wall_clock_s
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._began_s: float | None = None
        self._arm: Future[Any] = Future()
        self._node: Any = None
        self._thread = threading.Thread(target=self._run, name='interbotix', daemon=True)
        self._thread.start()

    def fault(self) -> str:
        """Build the arm when it is time; return why nothing can be sent, or an empty string."""
        if self._began_s is None:
            if not self._is_arm_there():
                return f'{MODULE}: waits for services and joint_states of {self._robot}'
            self._began_s = self._wall_clock_s()
            self._submit(self._arm, self._build)
        if not self._arm.done():
            waited_s = self._wall_clock_s() - self._began_s
            is_late = waited_s > CONSTRUCTION_LIMIT_S
            hint = '; it hangs: restart driver and arm' if is_late else ''
            return f'{MODULE}: is being set up since {waited_s:.0f} s{hint}'
        error = self._arm.exception()
        return '' if error is None else f'{MODULE}: {error}; restart the driver'

    def send(self, command: Command) -> None:
        """Publish set-points: a group command streams, a trajectory would stop half way."""
        core = self._arm.result(timeout=0).core
        core.robot_write_joint_command(GRIPPER_NAME, float(command.finger_m))
        core.robot_write_commands(ARM_GROUP, [float(q) for q in command.joint_positions])

    def call(self, request: ServoRequest) -> Reply | None:
        """Begin a service call in the thread; None while the arm is not set up."""
        if self.fault():
            return None
        core = self._arm.result(timeout=0).core
        method = getattr(core, f'robot_{request.service}')
        reply: Future[Any] = Future()
        self._submit(
            reply,
            lambda: method(cmd_type=request.cmd_type, name=request.name, **request.fields),
        )
        return reply

    def close(self) -> None:
        """End the thread and the vendor's node; neither torque nor set-points change."""
        if self._arm.done() and self._arm.exception() is None:
            self._submit(Future(), self._node.destroy_node)
        self._work.put(None)
        self._thread.join(CLOSING_LIMIT_S)

    def _build(self) -> Any:  # noqa: ANN401 - the vendor's class
        robot = importlib.import_module('interbotix_common_modules.common_robot.robot')
        arm_module = importlib.import_module(f'{MODULE}.xs_robot.arm')
        self._node = robot.create_interbotix_global_node(f'{self._robot}_driver')
        # Without the vendor's robot_startup: its thread spins an executor that takes the
        # interpreter from ours, up to 1.5 s at a time. Each call spins the node itself instead.
        # No gripper object: its timer stops PWM at the finger limits only, never on an object.
        return arm_module.InterbotixManipulatorXS(
            robot_model=self._robot,
            robot_name=self._robot,
            group_name=ARM_GROUP,
            gripper_name=None,
            node=self._node,
        )

    def _submit(self, future: 'Future[Any]', work: Callable[[], Any]) -> None:
        def run() -> None:
            try:
                future.set_result(work())
            except SystemExit:
                # The constructor ends the process if the group has not six joints.
                text = 'it gave up: check robot_model, and that every servo answers'
                future.set_exception(RuntimeError(text))
            except Exception as error:
                future.set_exception(error)

        self._work.put(run)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
