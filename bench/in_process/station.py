# SPDX-License-Identifier: Apache-2.0
"""A task's station without ROS: the same physics, pixels, limits and player in one process.

A benchmark needs hundreds of episodes over many seeds; here they do not need six processes.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from parl_files.episode import Episode
from parl_files.yaml_file import load_yaml
from parl_policy.episode.action_space import Target
from parl_policy.episode.input_gate import DETECTOR_CAMERA
from parl_policy.episode.observation import (
    Frame,
    ObservationLayout,
    StationState,
    table_in_picture,
)
from parl_policy.episode.player import EpisodeGoal, EpisodePlayer
from parl_policy.observations import Observation, Size
from reward_detector.verdict.frame_judge import FrameJudge
from widowx_description.finger import opening_from_finger
from widowx_driver.arm.pose import matrix_to_quaternion
from widowx_driver.arm.state import ArmState, read_arm_state
from widowx_driver.driver_config import DriverConfig
from widowx_driver.driver_task import load_driver_task
from widowx_driver.safety.command import Command
from widowx_driver.safety.command import Target as DriverTarget
from widowx_driver.safety.shell import SafetyShell
from widowx_sim.servos import wx250s
from widowx_sim.station.station import Station

LIFTED_M = 0.02
"""Height above its place from which an object counts as lifted [m]."""

Choose = Callable[[int, Observation, StationState], tuple[np.ndarray, str]]
"""Maps (step, observation, state) to (action (7,), policy version)."""


class InProcessStation:
    """The simulated arm, reward detector and driver of one task."""

    def __init__(self, task_file: Path, cameras: Mapping[str, Size] | None = None) -> None:
        """Build the parts from a task file; `cameras` as in `ExperimentConfig`."""
        self._cameras = cameras or {}
        self._station = Station(task_file)
        self._judge = FrameJudge.from_task_file(task_file)
        self._task = load_driver_task(task_file)
        self._shell = SafetyShell(DriverConfig(), self._task)
        task = load_yaml(task_file)
        self.horizon = int(task['horizon'])
        self.instruction = str(task['instruction'])
        marks, size = (
            task['camera']['table_points'],
            (task['camera']['height'], task['camera']['width']),
        )
        self._tables = {DETECTOR_CAMERA: table_in_picture(marks['pixels'], marks['points'], size)}
        self.script = self._station.task.script
        """Settings of the scripted operator of this task."""
        self.truly_done = False
        """Ground truth at the end of the last episode."""
        self.lifted_other = False
        """Whether the gripper truly lifted another object than the task's in that episode."""

    def play(self, goal: EpisodeGoal, choose: Choose) -> Episode:
        """Play one episode and return it."""
        command, layout = self._begin(goal)
        player = EpisodePlayer(goal, layout)
        at_rest, self.lifted_other = self._heights_of_others(), False
        while True:
            state = self._look(command).state
            observation = player.see(state)
            self.lifted_other |= bool((self._heights_of_others() > at_rest + LIFTED_M).any())
            if player.over:
                break
            action, version = choose(player.steps, observation, state)
            target = player.act(action, version)
            command = self._drive(target, command)
        self.truly_done = self._station.is_task_done()
        episode = player.episode({'task': 'in process'})
        assert episode is not None
        return episode

    def close(self) -> None:
        """Free the graphics context."""
        self._station.close()

    def _begin(self, goal: EpisodeGoal) -> tuple[Command, ObservationLayout]:
        """Put everything at the start; return the command in force and the layout."""
        self._station.reset(goal.seed)
        arm = self._arm()
        started = self._shell.start(arm, arm.stamp_s)
        if not isinstance(started, Command):
            raise RuntimeError(started.reason)
        self._judge.begin_episode(goal.episode_id)
        layout = ObservationLayout(
            object_names=self._look(started).names,
            cameras=self._cameras,
            instruction=self.instruction,
            tables=self._tables,
        )
        return started, layout

    def _drive(self, target: Target, last: Command) -> Command:
        arm = self._arm()
        wanted = DriverTarget(
            stamp_s=arm.stamp_s,
            frame_id=self._task.base_frame,
            position=target.position,
            quaternion_xyzw=matrix_to_quaternion(target.rotation),
            gripper=target.gripper,
        )
        result = self._shell.command(wanted, arm, arm.stamp_s)
        command = result if isinstance(result, Command) else last
        # Rounded as in the messages, where commands are 32-bit floats.
        self._station.command_gripper(float(np.float32(command.finger_m)))
        self._station.command_arm(command.joint_positions.astype(np.float32).astype(np.float64))
        self._station.advance(self._task.control_period_s)
        return command

    def _frame(self, camera: str, stamp_s: float, of_detector: np.ndarray) -> Frame:
        is_detectors = camera == DETECTOR_CAMERA
        return Frame(stamp_s, of_detector if is_detectors else self._station.render_wrist())

    def _heights_of_others(self) -> np.ndarray:
        task = self._station.task
        others = [name for name in task.movables if name != task.moved]
        return np.array([self._station.object_pose(name)[0][2] for name in others])

    def _arm(self) -> ArmState:
        return read_arm_state(
            self._station.time_s,
            wx250s.JOINT_STATE_NAMES,
            self._station.joint_state().position.tolist(),
        )

    def _look(self, command: Command) -> '_Sight':
        arm = self._arm()
        opening = opening_from_finger(arm.finger_m)
        frame = self._station.render()
        judgement = self._judge.judge(arm.stamp_s, frame, opening)
        objects = judgement.objects
        state = StationState(
            target=Target(command.executed.position, command.executed.rotation, command.gripper),
            gripper_opening=opening,
            object_positions=objects.positions,
            object_visible=objects.visible,
            stamp_s=arm.stamp_s,
            verdict=int(judgement.verdict.value),
            frames={camera: self._frame(camera, arm.stamp_s, frame) for camera in self._cameras},
        )
        return _Sight(tuple(objects.names), state)


class _Sight:
    def __init__(self, names: tuple[str, ...], state: StationState) -> None:
        self.names = names
        self.state = state
