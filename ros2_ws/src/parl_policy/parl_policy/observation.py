# SPDX-License-Identifier: Apache-2.0
"""What the policy and the critic see: one flat vector of named numbers."""

from dataclasses import dataclass

import numpy as np

from parl_policy.action_space import Target, vector_from_rotation

R_DOWN = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
"""Rotation of `ee_gripper_link` pointing straight down (Bridge's zero rotation)."""


NEAR_M = 0.01
"""Distance up to which an object's offset from the gripper is seen on a linear scale [m]."""


@dataclass(frozen=True)
class StationState:
    """The newest inputs of one control step, all of the same instant.

    Attributes:
        target: Last executed target.
        gripper_opening: Measured, 0 closed … 1 open.
        object_positions: (K, 3) [m] in `base_link`, in the order of the task file; last seen
            where not visible.
        object_visible: (K,) bool.
        stamp_s: Node time of the camera frame [s].
        verdict: parl_msgs/Reward verdict on that frame (0 unknown, 1 failure, 2 success).
    """

    target: Target
    gripper_opening: float
    object_positions: np.ndarray
    object_visible: np.ndarray
    stamp_s: float
    verdict: int


def observation_names(object_names: tuple[str, ...]) -> list[str]:
    """Name of every entry of the observation vector, in order; units m, rad, 0…1.

    `…_from_ee_asinh_x` is asinh(offset / `NEAR_M`), see `observe`.
    """
    names = ['ee_z', 'ee_rx', 'ee_ry', 'ee_rz', 'gripper_target', 'gripper_opening']
    for name in object_names:
        names += [f'{name}_from_ee_asinh_{axis}' for axis in 'xy'] + [f'{name}_visible']
    return names


def observe(state: StationState, object_names: tuple[str, ...]) -> np.ndarray:
    """Build the observation vector.

    Objects are seen from the gripper, so that what is learned in one place holds in another, and
    on a scale that is fine near it: a few millimetres decide whether a grasp succeeds, and a
    network that sees them beside a table's width learns to tell them apart last. Objects are
    located on a plane, so only x and y of them are known.

    Returns:
        (O,) float32, in the order of `observation_names`.

    Raises:
        ValueError: An entry is NaN or infinite; the message names it.
    """
    target = state.target
    values = [
        target.position[2],
        *vector_from_rotation(target.rotation @ R_DOWN.T),
        target.gripper,
        state.gripper_opening,
    ]
    for position, visible in zip(state.object_positions, state.object_visible, strict=True):
        offset = (position - target.position)[:2]
        values += [*np.arcsinh(offset / NEAR_M), float(visible)]
    observation = np.asarray(values, dtype=np.float32)
    names = observation_names(object_names)
    if len(names) != len(observation):
        raise ValueError(
            f'{len(state.object_positions)} objects seen, the task has {object_names}'
        )
    bad = [name for name, value in zip(names, observation, strict=True) if not np.isfinite(value)]
    if bad:
        raise ValueError(
            f'observation is not finite in {", ".join(bad)}: has the camera seen every object '
            'of the task since the reset?'
        )
    return observation
