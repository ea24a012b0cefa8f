# SPDX-License-Identifier: Apache-2.0
"""Servos that answer requests the way the arm's driver does, without ROS."""

from types import SimpleNamespace

from widowx_driver.servos.request import SERVO_NAMES


class FakeServos:
    """Registers of seven servos, and a log of what was asked of them."""

    def __init__(self):
        self.modes = {'arm': ('position', 'time'), 'gripper': ('linear_position', 'time')}
        self.joint_count = 6
        self.registers = {
            'Hardware_Error_Status': [0] * 7,
            'Torque_Enable': [1] * 7,
            'Present_Temperature': [30] * 7,
            'Profile_Velocity': [2000] * 7,
            'Profile_Acceleration': [300] * 7,
            'Goal_PWM': [885] * 7,
            'Operating_Mode': [3] * 7,
            'Drive_Mode': [4, 4, 4, 4, 5, 4, 4],
        }
        self.log = []
        self.silent_count = 0

    def motors(self, name):
        return {'arm': range(6), 'all': range(7), 'gripper': [6]}[name]

    def answer(self, service, cmd_type, name, **fields):
        self.log.append((service, name, fields))
        return getattr(self, f'_{service}')(name, **fields)

    def services(self):
        return [service for service, _, _ in self.log]

    def overload(self, joint):
        index = SERVO_NAMES.index(joint)
        self.registers['Hardware_Error_Status'][index] = 32
        self.registers['Torque_Enable'][index] = 0

    def _get_robot_info(self, name):
        mode, profile = self.modes[name]
        return SimpleNamespace(mode=mode, profile_type=profile, num_joints=self.joint_count)

    def _set_operating_modes(self, name, mode, profile_type, profile_velocity,
                             profile_acceleration):  # fmt: skip
        self.modes[name] = (mode, profile_type)
        for motor in self.motors(name):
            self.registers['Operating_Mode'][motor] = 3
            self.registers['Drive_Mode'][motor] |= 4
            self.registers['Profile_Velocity'][motor] = profile_velocity
            self.registers['Profile_Acceleration'][motor] = profile_acceleration
        return SimpleNamespace()

    def _set_motor_registers(self, name, reg, value):
        for motor in self.motors(name):
            self.registers[reg][motor] = value
        return SimpleNamespace(values=[])

    def _get_motor_registers(self, name, reg):
        values = [self.registers[reg][motor] for motor in self.motors(name)]
        return SimpleNamespace(values=values[: len(values) - self.silent_count])

    def _reboot_motors(self, name, enable, smart_reboot):
        for motor, error in enumerate(self.registers['Hardware_Error_Status']):
            if error:
                self.registers['Hardware_Error_Status'][motor] = 0
                self.registers['Torque_Enable'][motor] = int(enable)
                self.registers['Profile_Velocity'][motor] = 0
                self.registers['Goal_PWM'][motor] = 885
        return SimpleNamespace()

    def _torque_enable(self, name, enable):
        for motor in self.motors(name):
            self.registers['Torque_Enable'][motor] = int(enable)
        return SimpleNamespace()
