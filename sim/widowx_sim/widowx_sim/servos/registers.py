# SPDX-License-Identifier: Apache-2.0
"""The servos' control table: names, ranges and factory values of the registers.

Source: the manufacturer's manual of the X series; values at start as in the vendor's motor file.
"""

from dataclasses import dataclass

import numpy as np

from widowx_sim.servos import wx250s
from widowx_sim.servos.command_error import CommandError
from widowx_sim.servos.floats import FloatArray
from widowx_sim.servos.state import ServoState
from widowx_sim.servos.time_profile import TimeProfile

SPEED_UNIT_RAD_S = 0.229 * 2 * np.pi / 60
"""One count of a velocity: 0.229 rpm."""
SLOPE_UNIT_RAD_S2 = 214.577 * 2 * np.pi / 3600
"""One count of an acceleration: 214.577 rev/min^2."""
FACTORY_POSITION_GAIN = 800

_TICKS_PER_RAD = 4096 / (2 * np.pi)
_FINGER_M_PER_RAD = 0.0137
"""Travel of a finger per turn of its crank at mid-range, for profiles by velocity."""

_MODE_NUMBERS = {
    'current': 0,
    'velocity': 1,
    'position': 3,
    'linear_position': 3,
    'ext_position': 4,
    'current_based_position': 5,
    'pwm': 16,
}


@dataclass(frozen=True)
class _Plain:
    """A register that is only stored."""

    factory: int
    lowest: int
    highest: int
    in_ram: bool = True


_PLAIN = {
    'ID': _Plain(0, 0, 252, in_ram=False),
    'Baud_Rate': _Plain(3, 0, 7, in_ram=False),
    'Return_Delay_Time': _Plain(0, 0, 254, in_ram=False),
    'Drive_Mode': _Plain(4, 0, 13, in_ram=False),
    'Secondary_ID': _Plain(255, 0, 255, in_ram=False),
    'Homing_Offset': _Plain(0, -1044479, 1044479, in_ram=False),
    'Temperature_Limit': _Plain(80, 0, 100, in_ram=False),
    'Velocity_Limit': _Plain(wx250s.VELOCITY_LIMIT_TICKS, 0, 1023, in_ram=False),
    'Min_Position_Limit': _Plain(0, 0, 4095, in_ram=False),
    'Max_Position_Limit': _Plain(4095, 0, 4095, in_ram=False),
    'Shutdown': _Plain(52, 0, 255, in_ram=False),
    'LED': _Plain(0, 0, 1),
    'Velocity_I_Gain': _Plain(1920, 0, 16383),
    'Velocity_P_Gain': _Plain(100, 0, 16383),
    'Position_D_Gain': _Plain(0, 0, 16383),
    'Position_I_Gain': _Plain(0, 0, 16383),
    'Feedforward_2nd_Gain': _Plain(0, 0, 16383),
    'Feedforward_1st_Gain': _Plain(0, 0, 16383),
    'Bus_Watchdog': _Plain(0, 0, 127),
}
_WRITABLE = {
    'Profile_Velocity': (0, 32737),
    'Profile_Acceleration': (0, 32737),
    'Torque_Enable': (0, 1),
    'Goal_PWM': (-wx250s.PWM_LIMIT, wx250s.PWM_LIMIT),
    'Position_P_Gain': (0, 16383),
}
_READ_ONLY = (
    'Operating_Mode', 'Hardware_Error_Status', 'Moving', 'Present_Position', 'Present_Velocity',
    'Present_Current', 'Present_Load', 'Present_Temperature', 'Present_Input_Voltage',
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """The servos' measurements at one time, (7,) each."""

    positions_rad: FloatArray
    velocities_rad_s: FloatArray
    efforts: FloatArray
    """effort as in joint_states: 2.69 for each count"""


class ServoRegisters:
    """Reads and writes one register of one servo."""

    def __init__(self, states: list[ServoState], profile: TimeProfile) -> None:
        self._states = states
        self._profile = profile
        self._values = {name: [plain.factory] * 7 for name, plain in _PLAIN.items()}
        self._values['ID'] = list(wx250s.MOTOR_IDS)
        self._values['Drive_Mode'] = [4 + mode for mode in wx250s.DRIVE_MODES]
        self._values['Min_Position_Limit'] = [low for low, _ in wx250s.TICK_LIMITS]
        self._values['Max_Position_Limit'] = [high for _, high in wx250s.TICK_LIMITS]

    @staticmethod
    def check_name(name: str) -> None:
        """Raise CommandError for a register that does not exist."""
        if name not in _PLAIN and name not in _WRITABLE and name not in _READ_ONLY:
            known = ', '.join(sorted([*_PLAIN, *_WRITABLE, *_READ_ONLY]))
            raise CommandError(f'register {name!r} is unknown: known are {known}')

    @staticmethod
    def has(motor: int, name: str) -> bool:
        """Tell whether this servo's model has a register that `check_name` accepts."""
        missing = 'Present_Load' if motor in wx250s.CURRENT_MOTORS else 'Present_Current'
        return name != missing

    def read(self, motor: int, name: str, now: Measurement) -> int:
        """Return a register; raises CommandError for an unknown name."""
        self.check_name(name)
        state = self._states[motor]
        if name in _PLAIN:
            return self._values[name][motor]
        if name.startswith('Profile_'):
            return self._read_profile(motor, name)
        return {
            'Torque_Enable': lambda: int(state.torque_on),
            'Goal_PWM': lambda: state.goal_pwm,
            'Position_P_Gain': lambda: round(FACTORY_POSITION_GAIN * state.position_gain),
            'Operating_Mode': lambda: _MODE_NUMBERS[state.mode],
            'Hardware_Error_Status': lambda: state.hardware_error,
            'Moving': lambda: int(abs(now.velocities_rad_s[motor]) > 10 * SPEED_UNIT_RAD_S),
            'Present_Position': lambda: 2048 + round(now.positions_rad[motor] * _TICKS_PER_RAD),
            'Present_Velocity': lambda: round(now.velocities_rad_s[motor] / SPEED_UNIT_RAD_S),
            'Present_Current': lambda: round(now.efforts[motor] / wx250s.CURRENT_UNIT_MA),
            'Present_Load': lambda: round(now.efforts[motor] / wx250s.CURRENT_UNIT_MA),
            'Present_Temperature': lambda: state.temperature_c,
            'Present_Input_Voltage': lambda: 120,
        }[name]()

    def check_write(self, name: str, value: int) -> None:
        """Raise CommandError for a register or value that the servos do not take."""
        self.check_name(name)
        if name in _READ_ONLY:
            raise CommandError(f'register {name} is read-only: write another')
        plain = _PLAIN.get(name)
        lowest, highest = (plain.lowest, plain.highest) if plain else _WRITABLE[name]
        if not lowest <= value <= highest:
            raise CommandError(f'{name} is {value}: give {lowest} to {highest}')

    def write(self, motor: int, name: str, value: int) -> None:
        """Write a register that `check_write` accepts, except Torque_Enable."""
        state = self._states[motor]
        if name in _PLAIN:
            self._values[name][motor] = value
            if name == 'Drive_Mode':
                self._profile.is_time[motor] = bool(value & 4)
        elif name.startswith('Profile_'):
            self._write_profile(motor, name, value)
        elif name == 'Goal_PWM':
            state.goal_pwm = abs(value)
            state.goal = value if state.mode == 'pwm' else state.goal
        elif name == 'Position_P_Gain':
            state.position_gain = value / FACTORY_POSITION_GAIN

    def reboot(self, motor: int) -> None:
        """Reset all registers in RAM: the gains, and the profile, which is then unlimited."""
        for name, plain in _PLAIN.items():
            if plain.in_ram:
                self._values[name][motor] = plain.factory
        for name in ('Profile_Velocity', 'Profile_Acceleration'):
            self._write_profile(motor, name, 0)

    def _read_profile(self, motor: int, name: str) -> int:
        seconds, rates = self._profile_arrays(name)
        if self._profile.is_time[motor]:
            return round(1000.0 * seconds[motor])
        return round(rates[motor] / self._profile_unit(motor, name))

    def _write_profile(self, motor: int, name: str, value: int) -> None:
        seconds, rates = self._profile_arrays(name)
        seconds[motor] = 0.001 * value
        rates[motor] = value * self._profile_unit(motor, name)

    def _profile_arrays(self, name: str) -> tuple[FloatArray, FloatArray]:
        if name == 'Profile_Velocity':
            return self._profile.durations_s, self._profile.speeds
        return self._profile.accelerations_s, self._profile.slopes

    @staticmethod
    def _profile_unit(motor: int, name: str) -> float:
        unit = SPEED_UNIT_RAD_S if name == 'Profile_Velocity' else SLOPE_UNIT_RAD_S2
        return unit * (_FINGER_M_PER_RAD if motor == 6 else 1.0)
