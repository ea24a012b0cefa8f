# SPDX-License-Identifier: Apache-2.0
"""Converts messages of Gazebo's bridge to plain arrays."""

import numpy as np
from sensor_msgs.msg import JointState

from parl_node.message_conversion import seconds
from widowx_gazebo.gazebo_arm import MeasuredJoints
from widowx_gazebo.gazebo_error import GazeboError
from widowx_gazebo.station_world import DRIVEN_JOINTS


def measured_joints(message: JointState) -> MeasuredJoints:
    """Convert Gazebo's joint states of the arm, which have an order of their own.

    Raises:
        GazeboError: joints are missing; the message names them.
    """
    missing = [name for name in DRIVEN_JOINTS if name not in message.name]
    if missing:
        raise GazeboError(
            f'gazebo/joint_states has no {", ".join(missing)}: give Gazebo the world of run_gazebo'
        )
    order = [message.name.index(name) for name in DRIVEN_JOINTS]
    return MeasuredJoints(
        stamp_s=seconds(message.header.stamp),
        positions=np.array(message.position)[order],
        velocities=np.array(message.velocity)[order],
        efforts=np.array(message.effort)[order],
    )
