# SPDX-License-Identifier: Apache-2.0
"""Converts the 7-D end-effector action to the next target, and two targets to an action."""

from dataclasses import dataclass

import numpy as np

from parl_files.error import ParlError

ACTION_NAMES = ('dx', 'dy', 'dz', 'droll', 'dpitch', 'dyaw', 'gripper')
ACTION_DIM = len(ACTION_NAMES)
GRIPPER = ACTION_NAMES.index('gripper')
MAX_TRANSLATION_M = 0.05
MAX_ROTATION_RAD = 0.25


class ActionError(ParlError):
    """An action has a wrong shape, is not finite, or leaves [-1, 1]."""


@dataclass(frozen=True)
class Target:
    """A commanded gripper pose in `base_link`.

    Attributes:
        position: (3,) [m], origin of `ee_gripper_link` in `base_link`.
        rotation: (3, 3), columns are the axes of `ee_gripper_link` in `base_link`.
        gripper: Finger opening, 0 closed … 1 open.
    """

    position: np.ndarray
    rotation: np.ndarray
    gripper: float


def apply_action(target: Target, action: np.ndarray) -> Target:
    """Add a normalised action to the last executed target (Bridge control convention).

    Args:
        target: The last executed target.
        action: (7,) in [-1, 1]; rotations are about the fixed axes of `base_link`.

    Raises:
        ActionError: The action has another shape, is not finite or leaves [-1, 1].
    """
    action = check_action(action)
    turn = rotation_from_vector(action[3:6] * MAX_ROTATION_RAD)
    return Target(
        position=target.position + action[:3] * MAX_TRANSLATION_M,
        rotation=turn @ target.rotation,
        gripper=float((action[6] + 1.0) / 2.0),
    )


def action_between(previous: Target, current: Target) -> np.ndarray:
    """Return the normalised action from one executed target to the next.

    This is the inverse of `apply_action`.

    Returns:
        (7,), clipped to [-1, 1].
    """
    translation = (current.position - previous.position) / MAX_TRANSLATION_M
    turn = vector_from_rotation(current.rotation @ previous.rotation.T) / MAX_ROTATION_RAD
    action = np.concatenate([translation, turn, [2.0 * current.gripper - 1.0]])
    return np.clip(action, -1.0, 1.0)


def check_action(action: np.ndarray) -> np.ndarray:
    """Return the action as float64 (7,).

    Raises:
        ActionError: The action has another shape, is not finite or leaves [-1, 1].
    """
    action = np.asarray(action, dtype=np.float64)
    if action.shape != (ACTION_DIM,):
        raise ActionError(
            f'action has shape {action.shape}, expected ({ACTION_DIM},): {", ".join(ACTION_NAMES)}'
        )
    if not np.isfinite(action).all():
        raise ActionError(f'action is not finite: {action}; the policy that made it has diverged')
    if np.abs(action).max() > 1.0 + 1e-6:
        raise ActionError(f'action leaves [-1, 1]: {action}; normalise it before it is applied')
    return np.clip(action, -1.0, 1.0)


def rotation_from_vector(vector: np.ndarray) -> np.ndarray:
    """Return the rotation matrix (3, 3) of a rotation vector (3,) [rad] (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle) * skew + (1.0 - np.cos(angle)) * skew @ skew


def vector_from_rotation(rotation: np.ndarray) -> np.ndarray:
    """Return the rotation vector (3,) [rad] of a matrix (3, 3) that turns by less than pi."""
    twice_sine = np.array(
        [
            rotation[2, 1] - rotation[1, 2],
            rotation[0, 2] - rotation[2, 0],
            rotation[1, 0] - rotation[0, 1],
        ]
    )
    sine = np.linalg.norm(twice_sine) / 2.0
    angle = np.arctan2(sine, (np.trace(rotation) - 1.0) / 2.0)
    if sine < 1e-12:
        return np.zeros(3)
    return twice_sine / (2.0 * sine) * angle
