# SPDX-License-Identifier: Apache-2.0
"""Plans joint positions for a wanted pose, one safe step away."""

import numpy as np

from widowx_description.finger import finger_from_opening
from widowx_driver.arm.kinematics import InverseKinematics, InverseKinematicsError
from widowx_driver.arm.pose import Pose, turn_part_way
from widowx_driver.driver_config import DriverConfig
from widowx_driver.driver_task import Workspace
from widowx_driver.safety.command import Command, Hold
from widowx_driver.safety.limits import clip_gripper, limit_pose

SHORTENINGS = 4
"""Times a step is shortened for the joint limits before it is refused."""


class StepPlanner:
    """Limits a wanted pose, solves it, and shortens the step until every joint obeys."""

    def __init__(self, config: DriverConfig, workspace: Workspace) -> None:
        self._config = config
        self._workspace = workspace
        self._kinematics = InverseKinematics(config.joint_margin_rad)

    def plan(
        self, wanted: Pose, gripper: float, last: Command, allowed_joint_step_rad: float
    ) -> Command | Hold:
        """Return the next command, or why there is none.

        Args:
            wanted: Any finite pose of ee_gripper_link in base_link.
            gripper: Wanted opening, 0 closed .. 1 open.
            last: The command in force.
            allowed_joint_step_rad: Largest change of any joint.
        """
        limited = limit_pose(wanted, last.executed, self._workspace, self._config)
        opening, is_clipped = clip_gripper(gripper)
        acted = list(limited.acted) + ['gripper range'] * is_clipped
        pose, fraction = limited.pose, 1.0
        for _ in range(SHORTENINGS):
            try:
                joints = self._kinematics.solve(pose, last.joint_positions)
            except InverseKinematicsError as error:
                return Hold(reason=f'inverse kinematics: {error}')
            step_rad = float(np.max(np.abs(joints - last.joint_positions)))
            if step_rad <= allowed_joint_step_rad:
                break
            # Joint travel grows nearly in proportion to the step, so a shorter step will fit.
            fraction *= 0.95 * allowed_joint_step_rad / step_rad
            pose = self._shortened(limited.pose, last.executed, fraction)
        else:
            return Hold(
                reason=f'a joint would jump {step_rad:.2f} rad '
                f'(limit {allowed_joint_step_rad:.2f} rad); choose a pose nearer to the last one'
            )
        if fraction < 1.0:
            acted.append('joint step')
        return Command(
            joint_positions=joints,
            finger_m=finger_from_opening(opening),
            executed=pose,
            gripper=opening,
            limited=bool(acted),
            reason=', '.join(acted),
        )

    def _shortened(self, wanted: Pose, executed: Pose, fraction: float) -> Pose:
        part_way = Pose(
            position=executed.position + fraction * (wanted.position - executed.position),
            rotation=turn_part_way(executed.rotation, wanted.rotation, fraction),
        )
        return limit_pose(part_way, executed, self._workspace, self._config).pose
