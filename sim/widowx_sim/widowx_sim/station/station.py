# SPDX-License-Identifier: Apache-2.0
"""The simulated station: arm, table, objects and camera; its owner advances its time."""

from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

from widowx_sim.scene import camera_geometry, wrist_camera
from widowx_sim.scene.object_placement import place_objects, rests_on_goal, underside
from widowx_sim.scene.scene import build_model, TIMESTEP_S
from widowx_sim.scene.start_pose import solve_arm_positions, start_rotation
from widowx_sim.scene.task_scene import load_task_scene, TaskScene
from widowx_sim.servos import wx250s
from widowx_sim.servos.floats import FloatArray
from widowx_sim.servos.joint_state import JointState
from widowx_sim.station.actuators import ServoActuators

_ARM = list(range(6))
_GRIPPER = [6]
_SETTLE_S = 0.5


class Station:
    """MuJoCo physics and camera of one task, without ROS."""

    def __init__(self, task: TaskScene | str | Path) -> None:
        """Build the model and solve the start pose.

        Args:
            task: the scene, or the path of a task file.

        Raises:
            ConfigError: the task file cannot be used, or the arm cannot reach the start pose.
        """
        self.task = task if isinstance(task, TaskScene) else load_task_scene(task)
        self._model = build_model(self.task)
        self._data = mujoco.MjData(self._model)
        self._renderers: dict[str, mujoco.Renderer] = {}
        self._ticks = 0
        start = self.task.start
        self.start_joints = solve_arm_positions(
            self._model, np.array(start.position), start_rotation(start)
        )
        finger = wx250s.FINGER_CLOSED_M + start.gripper * (
            wx250s.FINGER_OPEN_M - wx250s.FINGER_CLOSED_M
        )
        self._start_setpoints = np.append(self.start_joints, finger)
        self.servos = ServoActuators(self._model, self._start_setpoints)
        self.profile = self.servos.profile
        self.reset(0)

    @property
    def time_s(self) -> float:
        """Simulated time since construction [s]; a reset does not turn it back."""
        return self._ticks * TIMESTEP_S

    def reset(self, seed: int) -> None:
        """Put arm and objects at an episode's start, at rest.

        Args:
            seed: seed of the episode; the same seed gives the same state to the last bit.
        """
        mujoco.mj_resetData(self._model, self._data)
        qpos = self._data.qpos
        qpos[:6] = self._start_setpoints[:6]
        qpos[6:8] = self._start_setpoints[6], -self._start_setpoints[6]
        place_objects(self.task, self._data, np.random.default_rng(seed))
        self.profile.hold(self._start_setpoints)
        self.advance(_SETTLE_S)

    def lay_out(self, random: np.random.Generator) -> None:
        """Put the objects elsewhere, as at an episode's start; the arm stays as it is."""
        place_objects(self.task, self._data, random)

    def command_arm(self, joint_positions_rad: FloatArray) -> None:
        """Begin to move the arm by its time profile.

        Args:
            joint_positions_rad: (6,) goal [rad].

        Raises:
            CommandError: the goal has a wrong shape, is not finite, or is beyond a joint limit.
                A joint with a bad goal keeps its last one; the others obey.
        """
        self.servos.command(_ARM, np.asarray(joint_positions_rad, dtype=np.float64))

    def command_gripper(self, finger_m: float) -> None:
        """Begin to move the gripper by its time profile, until something is in the way.

        Args:
            finger_m: goal of the left finger from the centre [m], in mode linear_position.

        Raises:
            CommandError: the goal is not finite, or beyond the finger's travel.
        """
        self.servos.command(_GRIPPER, np.array([2 * finger_m]))

    def advance(self, duration_s: float) -> None:
        """Simulate `duration_s` [s], rounded to whole physics steps."""
        for _ in range(round(duration_s / TIMESTEP_S)):
            self.servos.drive(self._data, TIMESTEP_S)
            mujoco.mj_step(self._model, self._data)
            self._ticks += 1

    def joint_state(self) -> JointState:
        """Return what the servos measure now."""
        velocities, torques = self._data.qvel[:7], self.servos.torques(self._data)
        return JointState.of_motors(self._data.qpos[:7], velocities, torques)

    def motor_positions(self) -> FloatArray:
        """Return the measured positions of the servos, (7,) [rad; m of the finger]."""
        return np.array(self._data.qpos[:7])

    def render(self) -> NDArray[np.uint8]:
        """Return the camera's image now, (H, W, 3) RGB, 0 to 255."""
        camera = self.task.camera
        return self._rendered(camera.name, camera.height, camera.width)

    def render_wrist(self) -> NDArray[np.uint8]:
        """Return the image of the camera on the gripper now, (H, W, 3) RGB, 0 to 255."""
        return self._rendered(wrist_camera.NAME, wrist_camera.HEIGHT, wrist_camera.WIDTH)

    def _rendered(self, name: str, height: int, width: int) -> NDArray[np.uint8]:
        if name not in self._renderers:
            self._renderers[name] = mujoco.Renderer(self._model, height, width)
        renderer = self._renderers[name]
        # Positions of bodies lag the joints by one step until the kinematics run again.
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        renderer.update_scene(self._data, camera=name)
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        return renderer.render()

    def object_pose(self, name: str) -> tuple[FloatArray, float]:
        """Return the true pose of an object, for tests and labels only.

        Args:
            name: name in the task file's `scene`.

        Returns:
            (3,) position of the middle of its underside [m, base_link], and yaw [rad].
        """
        mujoco.mj_kinematics(self._model, self._data)
        return underside(self.task, self._data, name)

    def end_effector_pose(self) -> FloatArray:
        """Return the true pose of ee_gripper_link in base_link, (4, 4) [m], for tests only."""
        mujoco.mj_kinematics(self._model, self._data)
        site = self._data.site('ee_gripper')
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = site.xmat.reshape(3, 3), site.xpos
        return pose

    def is_task_done(self) -> bool:
        """Tell whether the object truly rests on its goal, released; to judge a detector by."""
        mujoco.mj_fwdPosition(self._model, self._data)  # computes contacts too
        opening = (self._data.qpos[6] - wx250s.FINGER_CLOSED_M) / (
            wx250s.FINGER_OPEN_M - wx250s.FINGER_CLOSED_M
        )
        return rests_on_goal(self.task, self._data) and opening > 0.75

    def close(self) -> None:
        """Free the graphics contexts."""
        while self._renderers:
            self._renderers.popitem()[1].close()

    def camera_intrinsics(self) -> FloatArray:
        """Return the camera's intrinsics K (3, 3) [px]."""
        return camera_geometry.intrinsics(self.task.camera)

    def camera_pose(self) -> FloatArray:
        """Return the camera's optical frame in base_link, (4, 4) [m]."""
        return camera_geometry.optical_pose(self.task.camera)
