# SPDX-License-Identifier: Apache-2.0
"""Puts models of the running world at poses, all at once, through Gazebo's command line.

Newer versions of ros_gz_bridge offer ros_gz_interfaces/srv/SetEntityPose, for one model at a time.
It is not used: its package is on no registry of wheels, and Gazebo itself needs no bridge.
"""

from collections.abc import Mapping
import subprocess

from widowx_gazebo.gazebo_error import GazeboError
from widowx_gazebo.station_world import WORLD
from widowx_sim.servos.floats import FloatArray

_SERVICE = f'/world/{WORLD}/set_pose_vector'
_TIMEOUT_MS = 5000
_LONGEST_S = 20.0


def set_model_poses(poses: Mapping[str, FloatArray]) -> None:
    """Put models at poses.

    Args:
        poses: by the model's name: (7,) position [m] and quaternion (w, x, y, z).

    Raises:
        GazeboError: Gazebo is not installed, or does not answer.
    """
    request = ' '.join(_pose_text(name, pose) for name, pose in poses.items())
    command = ['gz', 'service', '-s', _SERVICE, '--reqtype', 'gz.msgs.Pose_V']
    command += ['--reptype', 'gz.msgs.Boolean', '--timeout', str(_TIMEOUT_MS), '--req', request]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=_LONGEST_S, check=False
        )
    except OSError as error:
        raise GazeboError(f'{error}: put gz on the PATH by sourcing its ROS 2') from error
    except subprocess.TimeoutExpired as error:
        raise GazeboError(
            f'gz service has not ended for {_LONGEST_S:g} s: start Gazebo again'
        ) from error
    # The exit code is 0 even after a failure.
    if 'data: true' not in answer.stdout:
        said = (answer.stdout + answer.stderr).strip() or 'nothing'
        raise GazeboError(f'{_SERVICE}: Gazebo says {said!r}; does the world run?')


def _pose_text(name: str, pose: FloatArray) -> str:
    x, y, z, *quaternion = pose.tolist()
    w, qx, qy, qz = quaternion
    position = f'position {{ x: {x!r} y: {y!r} z: {z!r} }}'
    orientation = f'orientation {{ w: {w!r} x: {qx!r} y: {qy!r} z: {qz!r} }}'
    return f'pose {{ name: "{name}" {position} {orientation} }}'
