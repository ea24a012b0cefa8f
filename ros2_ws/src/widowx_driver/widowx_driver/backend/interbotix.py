# SPDX-License-Identifier: Apache-2.0
"""Publishes set-points through interbotix_xs_modules, whose constructor may never return.

The constructor runs in a daemon thread; set-points are published from the caller's thread. The
vendor's service calls are not used, because they wait for ever. Its motion functions (`.arm`,
`.gripper`) are not used either: they solve the kinematics from cold guesses, trust their last
command, play trajectories with a timing defect and leave the gripper's PWM on.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
import importlib
import importlib.util
import threading
from typing import Any

from widowx_description.finger import GRIPPER_NAME
from widowx_driver.safety.command import Command
from widowx_driver.servos.request import ARM_GROUP

MODULE = 'interbotix_xs_modules'
CONSTRUCTION_LIMIT_S = 20.0


@dataclass(frozen=True, kw_only=True)
class VendorModules:
    """The vendor's Python modules."""

    robot: Any
    """interbotix_common_modules.common_robot.robot"""
    arm: Any
    """interbotix_xs_modules.xs_robot.arm"""


def import_vendor() -> VendorModules | None:
    """Return the vendor's modules, or None where they are not installed.

    Raises:
        ImportError: They are installed, but something that they need is not.
    """
    if importlib.util.find_spec(MODULE) is None:
        return None
    return VendorModules(
        robot=importlib.import_module('interbotix_common_modules.common_robot.robot'),
        arm=importlib.import_module(f'{MODULE}.xs_robot.arm'),
    )


class InterbotixBackend:
    """Owns an InterbotixManipulatorXS, which is built as soon as it can no longer block."""

    def __init__(
        self,
        modules: VendorModules,
        robot_model: str,
        robot_name: str,
        is_arm_there: Callable[[], bool],
        wall_clock_s: Callable[[], float],
    ) -> None:
        """Create the backend; the first calls of `fault` build the arm.

        Args:
            modules: the vendor's Python modules.
            robot_model: e.g. wx250s.
            robot_name: namespace of the arm's driver, without slashes at its ends.
            is_arm_there: tells whether all services exist and joint_states come; without them
                the vendor's constructor waits for ever.
            wall_clock_s: returns the wall time [s].
        """
        self._modules = modules
        self._robot_model = robot_model
        self._robot_name = robot_name
        self._is_arm_there = is_arm_there
        self._wall_clock_s = wall_clock_s
        self._began_s: float | None = None
        self._arm: Future[Any] = Future()
        self._node: Any = None

    def fault(self) -> str:
        """Return why nothing can be sent, or an empty string; build the arm once it is there."""
        if self._began_s is None:
            if not self._is_arm_there():
                return f'{MODULE}: waits for services and joint_states of /{self._robot_name}'
            self._began_s = self._wall_clock_s()
            threading.Thread(target=self._build, name='interbotix', daemon=True).start()
        if not self._arm.done():
            waited_s = self._wall_clock_s() - self._began_s
            is_late = waited_s > CONSTRUCTION_LIMIT_S
            hint = '; it hangs: restart driver and arm' if is_late else ''
            return f'{MODULE}: has been starting for {waited_s:.0f} s{hint}'
        error = self._arm.exception()
        if error is None:
            return ''
        return (
            f'{MODULE}: robot_model {self._robot_model}: {error}; check robot in the task file '
            'and that every servo answers, then restart the driver'
        )

    def send(self, command: Command) -> None:
        """Publish set-points as group commands, which stream; a trajectory would stop half way."""
        core = self._arm.result(timeout=0).core
        core.robot_write_joint_command(GRIPPER_NAME, float(command.finger_gap_m))
        core.robot_write_commands(ARM_GROUP, [float(q) for q in command.joint_positions])

    def close(self) -> None:
        """Destroy the vendor's node, unless it hangs in its constructor."""
        if self._arm.done() and self._node is not None:
            self._node.destroy_node()

    def _build(self) -> None:
        try:
            self._node = self._modules.robot.create_interbotix_global_node(
                'interbotix_driver', namespace=self._robot_name
            )
            # robot_startup is not called: its thread spins an executor that blocks our thread for
            # up to 1.5 s at a time, and publishing works without it. There is no gripper object:
            # its timer stops PWM at the finger limits only, never on an object.
            arm = self._modules.arm.InterbotixManipulatorXS(
                robot_model=self._robot_model,
                robot_name=self._robot_name,
                group_name=ARM_GROUP,
                gripper_name=None,
                node=self._node,
            )
            self._arm.set_result(arm)
        except SystemExit:
            # The constructor ends the process if the group has not six joints.
            self._arm.set_exception(RuntimeError('its constructor gave up'))
        except Exception as error:
            self._arm.set_exception(error)
