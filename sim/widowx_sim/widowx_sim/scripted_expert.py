# SPDX-License-Identifier: Apache-2.0
"""A script that puts an object on its goal, with the noise of a human operator."""

from dataclasses import dataclass
import enum

import numpy as np

from widowx_sim.scene.task_scene import Script
from widowx_sim.servos.floats import FloatArray

_MAX_STEP_M = 0.05
_OPEN, _CLOSED = 1.0, -1.0


class _Phase(enum.Enum):
    ABOVE_OBJECT = 1
    DOWN_TO_OBJECT = 2
    CLOSE = 3
    LIFT = 4
    OVER_GOAL = 5
    DOWN_TO_GOAL = 6
    OPEN = 7
    UP = 8


@dataclass(frozen=True, kw_only=True)
class ExpertConfig:
    """The noise with which the script acts."""

    close_steps: int = 2
    """Control steps to wait with the gripper closing or opening."""
    aim_error_m: float = 0.0
    """Standard deviation of the error in the object's place, drawn once an episode [m]."""
    jitter: float = 0.0
    """Standard deviation of each translation of each step, as a part of the largest step."""
    rotation_jitter: float = 0.0
    """Standard deviation of each rotation of each step, as a part of the largest step."""

    def __post_init__(self) -> None:
        """Check the ranges; raise ValueError that names field, value and remedy."""
        for name in ('aim_error_m', 'jitter', 'rotation_jitter'):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f'{name} is {getattr(self, name)}: give 0 or more, less than 1')
        if self.close_steps < 1:
            raise ValueError(f'close_steps is {self.close_steps}: give 1 or more')


class ScriptedExpert:
    """Picks and places in phases that follow the gripper's position; one instance an episode."""

    def __init__(self, script: Script, config: ExpertConfig, seed: int) -> None:
        """Draw the episode's aim error.

        Args:
            script: heights, and where to grasp.
            config: the noise.
            seed: seed of the episode; the same seed and inputs give the same actions.
        """
        self._script = script
        self._config = config
        self._random = np.random.default_rng([seed, 0xE4])
        self._aim_error = config.aim_error_m * self._random.standard_normal(2)
        self._phase = _Phase.ABOVE_OBJECT
        self._waited_steps = 0
        self._object_xy = np.zeros(2)

    def act(
        self,
        step: int,
        ee_position: FloatArray,
        gripper_opening: float,
        thing: FloatArray,
        goal: FloatArray,
    ) -> FloatArray:
        """Choose the next action.

        Args:
            step: control step of the episode, from 0.
            ee_position: (3,) last commanded position of ee_gripper_link [m, base_link].
            gripper_opening: measured opening, 0 closed to 1 open.
            thing: (3,) detected position of the object [m, base_link]; unused once it is held.
            goal: (3,) detected position of the goal [m, base_link].

        Returns:
            (7,) action normalised to [-1, 1].
        """
        if step == 0 or self._phase is _Phase.ABOVE_OBJECT:
            self._object_xy = np.array(thing[:2])
        way_point = self._way_point(ee_position, goal)
        while self._is_reached(ee_position, way_point, gripper_opening):
            self._phase = _Phase(self._phase.value + 1)
            self._waited_steps = 0
            way_point = self._way_point(ee_position, goal)
        self._waited_steps += 1
        action = np.zeros(7)
        action[:3] = (way_point - ee_position) / _MAX_STEP_M
        # The step is shortened, not clipped by axis: a straight path misses what lies beside it.
        action[:3] /= max(1.0, float(np.abs(action[:3]).max()))
        action[:3] += self._config.jitter * self._random.standard_normal(3)
        action[3:6] = self._config.rotation_jitter * self._random.standard_normal(3)
        holds = _Phase.CLOSE.value <= self._phase.value < _Phase.OPEN.value
        action[6] = _CLOSED if holds else _OPEN
        return np.clip(action, -1.0, 1.0)

    def _way_point(self, ee_position: FloatArray, goal: FloatArray) -> FloatArray:
        script, phase = self._script, self._phase
        offset = np.array(script.grasp_offset)
        if phase in (_Phase.CLOSE, _Phase.OPEN):
            return ee_position.copy()
        if phase in (_Phase.ABOVE_OBJECT, _Phase.DOWN_TO_OBJECT):
            above = self._object_xy + self._aim_error + offset
        else:
            is_vertical = phase in (_Phase.LIFT, _Phase.UP)
            above = ee_position[:2] if is_vertical else goal[:2] + offset
        height = {
            _Phase.DOWN_TO_OBJECT: script.grasp_height,
            _Phase.DOWN_TO_GOAL: script.release_height,
        }.get(phase, script.hover_height)
        return np.array([*above, height])

    def _is_reached(self, ee_position: FloatArray, way_point: FloatArray, opening: float) -> bool:
        error = np.abs(way_point - ee_position)
        if self._phase is _Phase.CLOSE:
            return self._waited_steps >= self._config.close_steps
        if self._phase is _Phase.OPEN:
            return self._waited_steps >= self._config.close_steps and opening > 0.8
        if self._phase is _Phase.UP:
            return False
        if self._phase in (_Phase.LIFT, _Phase.DOWN_TO_OBJECT, _Phase.DOWN_TO_GOAL):
            return bool(error[2] < 0.008)
        return bool(error[:2].max() < 0.012)
