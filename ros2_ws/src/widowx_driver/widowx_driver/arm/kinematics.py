# SPDX-License-Identifier: Apache-2.0
"""Forward and inverse kinematics of ee_gripper_link on the arm-only model."""

import mink
import mujoco
import numpy as np

from parl_files.error import ParlError
from widowx_description.arm import END_EFFECTOR_SITE, joint_limits
from widowx_description.kinematics import end_effector_pose
from widowx_driver.arm.model import arm_mjcf
from widowx_driver.arm.pose import FloatArray, matrix_to_quaternion, Pose, rotation_angle

COLD_SEEDS = (
    (0.0, 0.2, 0.0, 1.35),
    (-0.76, 0.44, 0.0, 1.76),
    (0.6, -0.6, 0.0, 1.5),
)
"""Start points without a warm start: shoulder .. wrist_angle, with the gripper down [rad]."""


class InverseKinematicsError(ParlError):
    """No joint positions were found that put the gripper at the pose."""


def forward_kinematics(joint_positions: FloatArray) -> Pose:
    """Return the pose of ee_gripper_link in base_link at joint positions, (6,) [rad]."""
    position, rotation = end_effector_pose(joint_positions)
    return Pose(position=position, rotation=rotation)


class InverseKinematics:
    """Turns a pose of ee_gripper_link into joint positions: Newton steps on mink's QP."""

    def __init__(
        self,
        joint_margin_rad: float,
        position_tolerance_m: float = 1e-4,
        rotation_tolerance_rad: float = 1e-3,
        max_iterations: int = 40,
    ) -> None:
        """Build the solver.

        Args:
            joint_margin_rad: Distance kept from the manufacturer's joint limits.
            position_tolerance_m: Largest distance from the pose that is accepted.
            rotation_tolerance_rad: Largest angle from the pose that is accepted.
            max_iterations: Newton steps before giving up.
        """
        self._position_tolerance_m = position_tolerance_m
        self._rotation_tolerance_rad = rotation_tolerance_rad
        self._max_iterations = max_iterations
        self._lower, self._upper = joint_limits(joint_margin_rad)
        model = mujoco.MjModel.from_xml_string(arm_mjcf(joint_margin_rad))
        self._site = model.site(END_EFFECTOR_SITE).id
        self._configuration = mink.Configuration(model)
        # Small damping keeps the step finite where forearm_roll and wrist_rotate line up.
        self._task = mink.FrameTask(
            END_EFFECTOR_SITE, 'site', position_cost=1.0, orientation_cost=0.2, lm_damping=1e-4
        )
        self._limits = [mink.ConfigurationLimit(model, gain=1.0)]

    def solve(self, pose: Pose, start_joints: FloatArray) -> FloatArray:
        """Return joint positions, (6,) [rad], inside the limits with margin.

        Args:
            pose: Wanted pose of ee_gripper_link in base_link.
            start_joints: (6,) [rad], where the search starts; the nearest solution is found.

        Raises:
            InverseKinematicsError: The pose is out of reach within the joint limits.
        """
        self._task.set_target(
            mink.SE3(np.concatenate([matrix_to_quaternion(pose.rotation)[[3, 0, 1, 2]],
                                     pose.position]))
        )  # fmt: skip
        self._configuration.update(np.clip(start_joints, self._lower, self._upper))
        for _ in range(self._max_iterations):
            if self._has_arrived(pose):
                return np.clip(self._configuration.q, self._lower, self._upper)
            try:
                velocity = mink.solve_ik(
                    self._configuration, [self._task], 1.0, 'daqp', limits=self._limits
                )
            except mink.NoSolutionFound:
                break
            self._configuration.integrate_inplace(velocity, 1.0)
        if self._has_arrived(pose):
            return np.clip(self._configuration.q, self._lower, self._upper)
        x, y, z = pose.position
        raise InverseKinematicsError(
            f'no joint positions reach ({x:.3f}, {y:.3f}, {z:.3f}) m with this orientation; '
            'choose a pose nearer to the last one or further inside the workspace'
        )

    def solve_cold(self, pose: Pose) -> FloatArray:
        """Return joint positions, (6,) [rad], without a warm start.

        Args:
            pose: Wanted pose of ee_gripper_link in base_link, the gripper roughly downwards.

        Raises:
            InverseKinematicsError: None of the known starting points leads to a solution.
        """
        heading = float(np.arctan2(pose.position[1], pose.position[0]))
        failure: InverseKinematicsError | None = None
        for seed in COLD_SEEDS:
            try:
                return self.solve(pose, np.array([heading, *seed, heading]))
            except InverseKinematicsError as error:
                failure = error
        raise InverseKinematicsError(str(failure))

    def _has_arrived(self, pose: Pose) -> bool:
        data = self._configuration.data
        distance = np.linalg.norm(data.site_xpos[self._site] - pose.position)
        if distance > self._position_tolerance_m:
            return False
        rotation = data.site_xmat[self._site].reshape(3, 3)
        return rotation_angle(rotation, pose.rotation) <= self._rotation_tolerance_rad
