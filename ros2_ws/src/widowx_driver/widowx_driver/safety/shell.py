# SPDX-License-Identifier: Apache-2.0
"""Decides what the arm does with each target; the policy is never trusted."""

import numpy as np

from widowx_description.arm import joint_limits
from widowx_description.finger import (
    FINGER_CLOSED_M,
    finger_from_opening,
    FINGER_OPEN_M,
    opening_from_finger,
)
from widowx_driver.arm.kinematics import forward_kinematics, InverseKinematics
from widowx_driver.arm.pose import FloatArray, Pose, quaternion_to_matrix
from widowx_driver.arm.state import ArmState
from widowx_driver.driver_config import DriverConfig
from widowx_driver.driver_task import DriverTask
from widowx_driver.safety.command import Command, Hold, Target
from widowx_driver.safety.joint_gap import arrival_fault, jump_fault, tracking_fault
from widowx_driver.safety.limits import allowed_joint_step_rad
from widowx_driver.safety.motion_watch import MotionWatch
from widowx_driver.safety.operator_stop import OperatorStop
from widowx_driver.safety.step_planner import StepPlanner
from widowx_driver.safety.target_check import target_fault
from widowx_driver.safety.target_timing import TargetTiming


class SafetyShell:
    """Holds the last command; every new one is at most one safe step away from it.

    A refused target changes nothing: the executed target and the set-points stay what they were.
    """

    def __init__(self, config: DriverConfig, task: DriverTask) -> None:
        """Solve the start pose.

        Raises:
            InverseKinematicsError: The task's start pose is out of reach.
        """
        self._config = config
        self._task = task
        self._planner = StepPlanner(config, task.workspace)
        self.start_command = Command(
            joint_positions=InverseKinematics(config.joint_margin_rad, 1e-7, 1e-7).solve_cold(
                task.start_pose
            ),
            finger_m=finger_from_opening(task.start_gripper),
            executed=task.start_pose,
            gripper=task.start_gripper,
        )
        self._watch = MotionWatch(config)
        self._servo_fault = ''
        self._newest_frame_s: float | None = None
        self._stop = OperatorStop(config, task.control_period_s)
        self._timing = TargetTiming(config, task.control_period_s)
        self._is_episode_running = False
        self._newest_state_s = -np.inf
        self._last_target_at_s = -np.inf
        self.forget()

    @property
    def last_command(self) -> Command | None:
        """The command in force; None before a start."""
        return self._last

    @property
    def is_stopped(self) -> bool:
        """Whether stop() is in force."""
        return self._stop.is_pressed

    @property
    def lost(self) -> str:
        """Why the arm is no longer where it was commanded to be; empty if it is."""
        return self._lost

    def forget(self, lost: str = '', has_not_followed: bool = False) -> None:
        """Forget where the arm was commanded to be: targets are refused until the next start.

        Args:
            lost: Why, if the arm is the reason.
            has_not_followed: The reason is that the arm did not follow its commands.
        """
        self._lost = lost
        self._has_not_followed = has_not_followed
        self._watch.forget()
        self._timing.forget()
        self._last: Command | None = None

    def observe(self, joint_state: ArmState, is_rebooting: bool = False) -> bool:
        """Note the time of a measured state; forget everything if time or the arm was restarted.

        The arm publishes at 100 Hz. If its stamps step by more than DriverConfig.max_clock_step_s,
        either way, the commands from before no longer say where the arm is.

        Args:
            joint_state: Newest measured state.
            is_rebooting: Servos are being rebooted, 1 s each: a step forward is ignored.

        Returns:
            Whether time or the arm was restarted.
        """
        step_s = joint_state.stamp_s - self._newest_state_s
        self._newest_state_s = joint_state.stamp_s
        is_stalled = is_rebooting and step_s > 0
        if not np.isfinite(step_s) or abs(step_s) <= self._config.max_clock_step_s or is_stalled:
            return False
        self.forget()
        return True

    def note_frame(self, stamp_s: float) -> None:
        """Note the time of a camera frame; after the first one, frames are expected."""
        self._newest_frame_s = stamp_s

    def note_servo_fault(self, fault: str) -> None:
        """Note what is wrong with the servos; an empty string if nothing is."""
        self._servo_fault = fault
        if fault and self._last is not None:
            self.forget(fault)

    def note_sent(self, stamp_s: float, joint_positions: FloatArray) -> None:
        """Expect the arm to follow set-points (6,) [rad], an answer to the state of that stamp."""
        self._watch.note_command(stamp_s, joint_positions)

    def watch(self, joint_state: ArmState) -> Command | None:
        """Check whether the arm follows; if not, forget where it should be.

        Returns:
            Once, if the arm does not follow: the command that holds it where it is.
        """
        if joint_state.fault:
            return None
        fault = self._watch.fault(joint_state)
        if not fault:
            return None
        self.forget(fault, has_not_followed=True)
        pose, opening = self.standing(joint_state) or (self._task.start_pose, 1.0)
        lower, upper = joint_limits(self._config.joint_margin_rad)
        return Command(
            joint_positions=np.clip(joint_state.joint_positions, lower, upper),
            finger_m=_within_travel(joint_state.finger_m),
            executed=pose,
            gripper=opening,
            limited=True,
            reason=fault,
        )

    def standing(self, joint_state: ArmState | None) -> tuple[Pose, float] | None:
        """Return the executed pose and opening; before a start the measured ones, or None."""
        if self._last is not None:
            return self._last.executed, self._last.gripper
        if joint_state is None or joint_state.fault:
            return None
        opening = opening_from_finger(_within_travel(joint_state.finger_m))
        return forward_kinematics(joint_state.joint_positions), opening

    def stop(self) -> None:
        """Hold where the arm is commanded to be, until resume()."""
        self._stop.press()

    def resume(self) -> None:
        """Take targets again."""
        self._stop.release()

    def start(self, joint_state: ArmState, now_s: float) -> Command | Hold:
        """Take the start pose as executed, if the arm is there.

        Args:
            joint_state: Newest measured state.
            now_s: Time of the node clock.

        Returns:
            The command in force from now on, or why the arm holds.
        """
        fault = self.arm_fault(joint_state, now_s)
        if fault:
            return Hold(reason=fault)
        fault = arrival_fault(
            joint_state.joint_positions,
            self.start_command.joint_positions,
            self._config.arrival_tolerance_rad,
        )
        if fault:
            return Hold(reason=fault)
        self.forget()
        self._last = self.start_command
        self.note_sent(joint_state.stamp_s, self.start_command.joint_positions)
        return self.start_command

    def command(
        self, target: Target, joint_state: ArmState | None, now_s: float
    ) -> Command | Hold:
        """Turn a target into the next set-points.

        Args:
            target: As received.
            joint_state: Newest measured state, None if there is none.
            now_s: Time of the node clock.

        Returns:
            A command inside every limit, or why the last one stays.
        """
        fault = self.arm_fault(joint_state, now_s)
        if fault:
            # A late or misread joint state, or a stop, may have ended when the next target comes.
            is_over = bool(self._servo_fault) or self._stop.refuse(now_s)
            return Hold(reason=fault, is_arm_fault=is_over)
        if self._last is None or joint_state is None:
            reason = self._lost or 'the arm is not at a known pose; call go_to_start'
            return Hold(reason=reason, is_arm_fault=True, did_not_follow=self._has_not_followed)
        fault = (
            target_fault(target, self._task.base_frame)
            or self._timing.fault(target.stamp_s, now_s)
            or self._camera_fault(now_s)
        )
        if fault:
            return Hold(reason=fault)
        measured = joint_state.joint_positions
        fault = tracking_fault(
            measured, self._last.joint_positions, self._config.max_tracking_error_rad
        )
        if fault:
            return Hold(reason=fault, is_arm_fault=True, did_not_follow=True)
        wanted = Pose(
            position=np.asarray(target.position, dtype=np.float64),
            rotation=quaternion_to_matrix(np.asarray(target.quaternion_xyzw, dtype=np.float64)),
        )
        allowed_rad = allowed_joint_step_rad(
            self._timing.elapsed_s(now_s), self._task.control_period_s, self._config
        )
        result = self._planner.plan(wanted, target.gripper, self._last, allowed_rad)
        self._last_target_at_s = now_s
        if isinstance(result, Command):
            fault = jump_fault(
                result.joint_positions, measured, self._config.max_jump_from_measured_rad
            )
            if fault:
                return Hold(reason=fault)
            self.note_sent(joint_state.stamp_s, result.joint_positions)
            self._timing.accept(target.stamp_s, now_s)
            self._last = result
        return result

    def set_episode_running(self, is_running: bool, now_s: float) -> None:
        """Tell the watchdog whether targets are expected from now on."""
        if is_running and not self._is_episode_running:
            self._last_target_at_s = now_s
        self._is_episode_running = is_running

    def check(self, joint_state: ArmState | None, now_s: float) -> Hold | None:
        """Return why the arm holds although no target was refused, or None (a watchdog)."""
        fault = self.arm_fault(joint_state, now_s)
        if fault:
            return Hold(reason=fault)
        if self._lost:
            return Hold(reason=self._lost)
        fault = self._camera_fault(now_s) if self._is_episode_running else ''
        if fault:
            return Hold(reason=fault)
        limit_s = self._config.max_target_silence_periods * self._task.control_period_s
        silence_s = now_s - self._last_target_at_s
        if self._is_episode_running and silence_s > limit_s + 1e-6:
            return Hold(
                reason=f'no target for {silence_s:.2f} s (limit {limit_s:.2f} s); check the policy'
            )
        return None

    def arm_fault(self, joint_state: ArmState | None, now_s: float) -> str:
        """Return why the arm must not be commanded at all, or an empty string."""
        return self.reading_fault(joint_state, now_s) or self._servo_fault

    def reading_fault(self, joint_state: ArmState | None, now_s: float) -> str:
        """Return why the arm's place is unknown, or that it was stopped, or an empty string."""
        if self._stop.is_pressed:
            return OperatorStop.REASON
        if joint_state is None:
            return 'no joint_states yet; check that the arm or the simulation runs'
        if joint_state.fault:
            return joint_state.fault
        age_s = now_s - joint_state.stamp_s
        if age_s > self._config.max_joint_state_age_s:
            return f'joint_states are {age_s:.2f} s old; check the arm and its serial line'
        return ''

    def _camera_fault(self, now_s: float) -> str:
        if self._newest_frame_s is None:
            return ''
        age_s, limit_s = now_s - self._newest_frame_s, self._config.max_camera_age_s
        if age_s <= limit_s:
            return ''
        return f'camera frame is {age_s:.2f} s old (limit {limit_s:.2f} s); check the camera'


def _within_travel(finger_m: float) -> float:
    return float(np.clip(finger_m, FINGER_CLOSED_M, FINGER_OPEN_M))
