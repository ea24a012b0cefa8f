# SPDX-License-Identifier: Apache-2.0
"""A script that puts the cup on the rack, with the noise of a human operator."""

from dataclasses import dataclass
import enum

import numpy as np

from widowx_sim.floats import FloatArray

_MAX_STEP_M = 0.05
_OPEN, _CLOSED = 1.0, -1.0


class _Phase(enum.Enum):
    ABOVE_CUP = 1
    DOWN_TO_CUP = 2
    CLOSE = 3
    LIFT = 4
    OVER_RACK = 5
    DOWN_TO_RACK = 6
    OPEN = 7
    UP = 8


@dataclass(frozen=True, kw_only=True)
class ExpertConfig:
    """Heights of the script and how badly it is carried out."""

    hover_height_m: float = 0.115
    """ee_gripper_link above cup and rack, high enough for the fingers to clear a cup [m]."""
    grasp_height_m: float = 0.036
    """ee_gripper_link when the gripper closes [m]."""
    release_height_m: float = 0.059
    """ee_gripper_link when the gripper opens: grasp height plus rack, a little above [m]."""
    close_steps: int = 2
    """Control steps to wait with the gripper closing or opening."""
    aim_error_m: float = 0.0
    """Standard deviation of where the operator takes the cup to be, drawn once an episode [m]."""
    jitter: float = 0.0
    """Standard deviation of each translation of each step, as a part of the largest step."""
    rotation_jitter: float = 0.0
    """Standard deviation of each rotation of each step, as a part of the largest step."""

    def __post_init__(self) -> None:
        """Check ranges; raises ValueError naming field, value and remedy."""
        for name in ('aim_error_m', 'jitter', 'rotation_jitter'):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f'{name} is {getattr(self, name)}: give 0 or more, less than 1')
        if not 0.0 < self.grasp_height_m < self.release_height_m < self.hover_height_m:
            raise ValueError(
                f'grasp_height_m, release_height_m, hover_height_m are {self.grasp_height_m}, '
                f'{self.release_height_m}, {self.hover_height_m}: give 0 < grasp < release < hover'
            )
        if self.close_steps < 1:
            raise ValueError(f'close_steps is {self.close_steps}: give 1 or more')


class ScriptedExpert:
    """Pick and place by phases that react to where the gripper is; one instance an episode."""

    def __init__(self, config: ExpertConfig, seed: int) -> None:
        """Draw the episode's aim error.

        Args:
            config: heights and noise.
            seed: of the episode; the same seed and inputs give the same actions.
        """
        self._config = config
        self._random = np.random.default_rng([seed, 0xE4])
        self._aim_error = config.aim_error_m * self._random.standard_normal(2)
        self._phase = _Phase.ABOVE_CUP
        self._waited_steps = 0
        self._cup_xy = np.zeros(2)

    def act(
        self,
        step: int,
        ee_position: FloatArray,
        gripper_opening: float,
        cup: FloatArray,
        rack: FloatArray,
    ) -> FloatArray:
        """Choose the next action.

        Args:
            step: control step of the episode, from 0.
            ee_position: (3,) last commanded ee_gripper_link [m, base_link].
            gripper_opening: measured, 0 closed to 1 open.
            cup: (3,) detected position [m, base_link]; not looked at once the cup is held.
            rack: (3,) detected position [m, base_link].

        Returns:
            (7,) action normalised to [-1, 1].
        """
        if step == 0 or self._phase is _Phase.ABOVE_CUP:
            self._cup_xy = np.array(cup[:2])
        goal = self._goal(ee_position, rack)
        while self._is_reached(ee_position, goal, gripper_opening):
            self._phase = _Phase(self._phase.value + 1)
            self._waited_steps = 0
            goal = self._goal(ee_position, rack)
        self._waited_steps += 1
        action = np.zeros(7)
        action[:3] = (goal - ee_position) / _MAX_STEP_M
        # Shorten rather than clip each axis: a straight line keeps clear of what lies beside it.
        action[:3] /= max(1.0, float(np.abs(action[:3]).max()))
        action[:3] += self._config.jitter * self._random.standard_normal(3)
        action[3:6] = self._config.rotation_jitter * self._random.standard_normal(3)
        holds = _Phase.CLOSE.value <= self._phase.value < _Phase.OPEN.value
        action[6] = _CLOSED if holds else _OPEN
        return np.clip(action, -1.0, 1.0)

    def _goal(self, ee_position: FloatArray, rack: FloatArray) -> FloatArray:
        config, phase = self._config, self._phase
        if phase in (_Phase.CLOSE, _Phase.OPEN):
            return ee_position.copy()
        if phase in (_Phase.ABOVE_CUP, _Phase.DOWN_TO_CUP):
            above = self._cup_xy + self._aim_error
        else:
            above = ee_position[:2] if phase in (_Phase.LIFT, _Phase.UP) else rack[:2]
        height = {
            _Phase.DOWN_TO_CUP: config.grasp_height_m,
            _Phase.DOWN_TO_RACK: config.release_height_m,
        }.get(phase, config.hover_height_m)
        return np.array([*above, height])

    def _is_reached(self, ee_position: FloatArray, goal: FloatArray, opening: float) -> bool:
        error = np.abs(goal - ee_position)
        if self._phase is _Phase.CLOSE:
            return self._waited_steps >= self._config.close_steps
        if self._phase is _Phase.OPEN:
            return self._waited_steps >= self._config.close_steps and opening > 0.8
        if self._phase is _Phase.UP:
            return False
        if self._phase in (_Phase.LIFT, _Phase.DOWN_TO_CUP, _Phase.DOWN_TO_RACK):
            return bool(error[2] < 0.008)
        return bool(error[:2].max() < 0.012)
