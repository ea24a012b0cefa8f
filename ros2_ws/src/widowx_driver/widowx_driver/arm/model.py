# SPDX-License-Identifier: Apache-2.0
"""The arm as a MuJoCo model, on which the inverse kinematics search."""

from widowx_description.arm import (
    ARM_JOINTS,
    END_EFFECTOR_OFFSET_M,
    END_EFFECTOR_SITE,
    joint_limits,
)


def arm_mjcf(margin_rad: float = 0.0) -> str:
    """Return the arm as MuJoCo XML, for kinematics only: its masses mean nothing.

    Args:
        margin_rad: Distance of the joint ranges from the manufacturer's limits.
    """
    lower, upper = joint_limits(margin_rad)
    chain = f'<site name="{END_EFFECTOR_SITE}" pos="{END_EFFECTOR_OFFSET_M} 0 0"/>'
    for joint, low, high in reversed(list(zip(ARM_JOINTS, lower, upper, strict=True))):
        origin = ' '.join(str(value) for value in joint.origin_m)
        axis = ' '.join(str(value) for value in joint.axis)
        chain = (
            f'<body pos="{origin}"><inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>'
            f'<joint name="{joint.name}" axis="{axis}" range="{low:.9f} {high:.9f}"/>'
            f'{chain}</body>'
        )
    return (
        '<mujoco model="wx250s"><compiler angle="radian" autolimits="true"/>'
        f'<worldbody>{chain}</worldbody></mujoco>'
    )
