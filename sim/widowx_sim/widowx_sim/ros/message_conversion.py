# SPDX-License-Identifier: Apache-2.0
"""Converts plain arrays to ROS messages and back."""

from geometry_msgs.msg import Pose, TransformStamped
from interbotix_xs_msgs.msg import (
    JointGroupCommand,
    JointSingleCommand,
    JointTrajectoryCommand,
)
from interbotix_xs_msgs.srv import (
    MotorGains,
    OperatingModes,
    Reboot,
    RegisterValues,
    RobotInfo,
    TorqueEnable,
)
import mujoco
import numpy as np
from numpy.typing import NDArray
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from sensor_msgs.msg import JointState as JointStateMessage

from parl_msgs.msg import ObjectPositions
from parl_node.message_conversion import stamp_from_nanoseconds
from widowx_sim.servos import motor_selection
from widowx_sim.servos.bus import ServoBus
from widowx_sim.servos.floats import FloatArray
from widowx_sim.servos.joint_state import JointState
from widowx_sim.servos.wx250s import JOINT_STATE_NAMES


def clock_message(stamp_ns: int) -> Clock:
    """Convert nanoseconds since the epoch to a message of the simulated clock."""
    return Clock(clock=stamp_from_nanoseconds(stamp_ns))


def joint_state_message(state: JointState, stamp_ns: int) -> JointStateMessage:
    """Convert measured joints; the units are those of the real arm's driver."""
    message = JointStateMessage(
        name=list(JOINT_STATE_NAMES),
        position=state.position.tolist(),
        velocity=state.velocity.tolist(),
        effort=state.effort.tolist(),
    )
    message.header.stamp = stamp_from_nanoseconds(stamp_ns)
    return message


def image_message(image: NDArray[np.uint8], frame_id: str, stamp_ns: int) -> Image:
    """Convert an RGB image (H, W, 3)."""
    height, width, _ = image.shape
    message = Image(height=height, width=width, encoding='rgb8', step=3 * width)
    # Into the message's own array: one that is given to the message is copied again.
    message.data.frombytes(image.reshape(-1).data)
    message.header.frame_id = frame_id
    message.header.stamp = stamp_from_nanoseconds(stamp_ns)
    return message


def camera_info_message(
    intrinsics: FloatArray, image: NDArray[np.uint8], frame_id: str, stamp_ns: int
) -> CameraInfo:
    """Convert the intrinsics K (3, 3) [px] of the camera that took `image`, free of distortion."""
    height, width, _ = image.shape
    projection = np.hstack([intrinsics, np.zeros((3, 1))])
    message = CameraInfo(
        width=width,
        height=height,
        distortion_model='plumb_bob',
        d=[0.0] * 5,
        k=intrinsics.reshape(9),
        r=np.eye(3).reshape(9),
        p=projection.reshape(12),
    )
    message.header.frame_id = frame_id
    message.header.stamp = stamp_from_nanoseconds(stamp_ns)
    return message


def transform_message(
    pose: FloatArray, parent: str, child: str, stamp_ns: int
) -> TransformStamped:
    """Convert the pose (4, 4) of frame `child` in frame `parent` [m]."""
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(pose[:3, :3]).reshape(9))
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    message.header.stamp = stamp_from_nanoseconds(stamp_ns)
    translation, rotation = message.transform.translation, message.transform.rotation
    translation.x, translation.y, translation.z = pose[:3, 3].tolist()
    rotation.w, rotation.x, rotation.y, rotation.z = quaternion.tolist()
    return message


def group_command(message: JointGroupCommand) -> tuple[list[int], FloatArray]:
    """Convert a command for a group.

    Returns:
        Indices of the N motors, and their goals (N,) in the unit of each servo's mode.

    Raises:
        CommandError: the group is unknown.
    """
    motors = motor_selection.select_motors('group', message.name)
    return motors, np.array(message.cmd, dtype=np.float64)


def single_command(message: JointSingleCommand) -> tuple[list[int], FloatArray]:
    """Convert a command for a joint.

    Returns:
        Index of the motor, and its goal (1,) in the unit of the servo's mode.

    Raises:
        CommandError: the joint is unknown.
    """
    return motor_selection.select_motors('single', message.name), np.array([float(message.cmd)])


def trajectory_command(
    message: JointTrajectoryCommand,
) -> tuple[list[int], list[FloatArray], list[int]]:
    """Convert a trajectory.

    Returns:
        Indices of the N motors, waypoints (N,) each, and the nanosecond part of each one's time.

    Raises:
        CommandError: the group or joint is unknown.
    """
    motors = motor_selection.select_motors(message.cmd_type, message.name)
    waypoints = [np.array(point.positions) for point in message.traj.points]
    return motors, waypoints, [point.time_from_start.nanosec for point in message.traj.points]


def answer_robot_info(
    bus: ServoBus, request: RobotInfo.Request, response: RobotInfo.Response
) -> None:
    """Fill in the description of a group or joint; raises CommandError for an unknown one."""
    info = motor_selection.robot_info(request.cmd_type, request.name)
    response.mode, response.profile_type = bus.mode_of(request.cmd_type, request.name)
    response.joint_names, response.joint_ids = info.joint_names, info.joint_ids
    response.joint_lower_limits = info.lower_limits
    response.joint_upper_limits = info.upper_limits
    response.joint_velocity_limits = info.velocity_limits
    response.joint_sleep_positions = info.sleep_positions
    response.joint_state_indices = info.state_indices
    response.num_joints, response.name = len(info.joint_names), info.names


def set_operating_mode(
    bus: ServoBus, request: OperatingModes.Request, _response: OperatingModes.Response
) -> None:
    """Set a mode on the bus; raises CommandError for a mode that the servos do not have."""
    bus.set_operating_mode(
        request.cmd_type,
        request.name,
        request.mode,
        request.profile_type,
        request.profile_velocity,
        request.profile_acceleration,
    )


def set_torque(
    bus: ServoBus, request: TorqueEnable.Request, _response: TorqueEnable.Response
) -> None:
    """Switch torque on the bus; raises CommandError for unknown names."""
    bus.torque_enable(request.cmd_type, request.name, request.enable)


def reboot(bus: ServoBus, request: Reboot.Request, _response: Reboot.Response) -> None:
    """Reboot motors on the bus; raises CommandError for unknown names."""
    bus.reboot(request.cmd_type, request.name, request.enable, request.smart_reboot)


def set_gains(bus: ServoBus, request: MotorGains.Request, _response: MotorGains.Response) -> None:
    """Write gains on the bus; raises CommandError for unknown names, or gains out of range."""
    bus.set_gains(
        request.cmd_type,
        request.name,
        (request.kp_pos, request.ki_pos, request.kd_pos, request.k1, request.k2, request.kp_vel,
         request.ki_vel),
    )  # fmt: skip


def answer_registers(
    bus: ServoBus, request: RegisterValues.Request, response: RegisterValues.Response
) -> None:
    """Fill in a register of each motor that answers; raises CommandError for unknown names."""
    response.values = bus.read(request.cmd_type, request.name, request.reg)


def set_registers(
    bus: ServoBus, request: RegisterValues.Request, _response: RegisterValues.Response
) -> None:
    """Write a register of each motor named; raises CommandError for a value they do not take."""
    bus.write(request.cmd_type, request.name, request.reg, request.value)


SERVO_SERVICES = {
    'get_robot_info': (RobotInfo, answer_robot_info),
    'set_operating_modes': (OperatingModes, set_operating_mode),
    'torque_enable': (TorqueEnable, set_torque),
    'reboot_motors': (Reboot, reboot),
    'set_motor_pid_gains': (MotorGains, set_gains),
    'get_motor_registers': (RegisterValues, answer_registers),
    'set_motor_registers': (RegisterValues, set_registers),
}
"""Type and answering function of each service, by name."""


def object_position(objects: ObjectPositions, name: str) -> FloatArray | None:
    """Return the position (3,) [m, base_link] of an object, or None if it was never seen."""
    if name not in objects.names:
        return None
    point = objects.positions[objects.names.index(name)]
    position = np.array([point.x, point.y, point.z])
    return position if np.isfinite(position).all() else None


def end_effector_position(pose: Pose) -> FloatArray:
    """Return the position (3,) [m] of a pose, in the frame of the pose."""
    return np.array([pose.position.x, pose.position.y, pose.position.z])
