# SPDX-License-Identifier: Apache-2.0
"""Limits and periods of the safety shell that do not depend on the task."""

from dataclasses import dataclass, fields

import numpy as np

from widowx_description.arm import JOINT_SPEED_LIMIT_RAD_S


@dataclass(frozen=True, kw_only=True)
class DriverConfig:
    """Limits and periods for a WidowX-250 6DoF; every value must be positive."""

    max_translation_step_m: float = 0.05
    """largest change of x, y or z per target: the action's bound"""
    max_rotation_step_rad: float = 0.25
    """largest turn about x, y or z of base_link per target: the action's bound"""
    joint_margin_rad: float = 0.05
    """distance kept from the manufacturer's joint limits"""
    max_joint_step_rad: float = 0.5
    """largest change of any joint per command"""
    max_joint_speed_rad_s: float = 0.9 * JOINT_SPEED_LIMIT_RAD_S
    """highest speed of the servos, less ten per cent"""
    max_jump_from_measured_rad: float = 0.6
    """largest distance of a set-point from the measured joint: a step and 0.1 rad of lag"""
    max_tracking_error_rad: float = 0.5
    """a measured joint further from its command than this means the arm does not follow"""
    max_band_error_rad: float = 0.2
    """a joint measured further outside the band of its recent commands has let go or is blocked"""
    tracking_window_s: float = 0.6
    """age of the commands that span the band: the profile, the servo's lag and some delay"""
    effort_window_s: float = 1.5
    """an arm that stands still and pushes for this long is blocked; an overload takes seconds"""
    max_target_silence_periods: float = 3.0
    """control periods without a target, in a running episode, before the arm counts as held"""
    stop_patience_s: float = 1.0
    """after a stop, an episode ends when targets have come and been refused for this long"""
    max_joint_state_age_s: float = 0.2
    """older joint states do not say where the arm is"""
    max_camera_age_s: float = 0.5
    """the arm does not act on older camera frames"""
    max_target_age_s: float = 0.6
    """a target computed from an older observation is refused"""
    max_target_lead_s: float = 0.5
    """a target stamped further in the future is refused"""
    min_target_spacing_periods: float = 0.5
    """a target that follows the last one faster than this is refused"""
    max_clock_step_s: float = 1.0
    """a larger step of joint_states stamps, either way, means a restarted clock or arm"""
    start_speed_rad_s: float = 0.5
    """highest joint speed on the way to the start pose"""
    first_move_s: float = 2.0
    """shortest duration of a move of an arm that was not commanded before"""
    rest_tolerance_rad: float = 0.15
    """an arm this near to its rest pose may be let go"""
    at_start_tolerance_rad: float = 0.005
    """an arm this near to its start pose need not move"""
    finger_tolerance_m: float = 0.002
    """fingers this near to their start opening need not move"""
    arrival_tolerance_rad: float = 0.03
    """an arm this near to its start pose has arrived"""
    arrival_timeout_s: float = 3.0
    """time to arrive after the last set-point of the way to the start pose"""
    gripper_move_s: float = 1.0
    """time given to the fingers on the way to the start pose"""
    profile_time_ms: int = 200
    """duration of one servo move (time profile): one control period at 5 Hz"""
    profile_acceleration_ms: int = 100
    """acceleration time of one servo move; at most half of profile_time_ms"""
    gripper_pwm: int = 200
    """highest PWM of the gripper, of 885: it moves from 150, and overloads at 350 in seconds"""
    warn_temperature_c: float = 65.0
    """a servo this warm is reported"""
    pause_temperature_c: float = 70.0
    """a servo this warm stops the arm's work; the servos switch themselves off at 80"""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A field is out of range; names field, value and remedy.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f'DriverConfig.{field.name} is {value}; give a positive number')
        if self.profile_acceleration_ms * 2 > self.profile_time_ms:
            raise ValueError(
                f'DriverConfig.profile_acceleration_ms is {self.profile_acceleration_ms}; '
                f'give at most half of profile_time_ms ({self.profile_time_ms})'
            )
