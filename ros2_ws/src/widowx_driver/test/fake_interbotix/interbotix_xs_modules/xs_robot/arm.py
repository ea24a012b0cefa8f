# SPDX-License-Identifier: Apache-2.0
"""InterbotixManipulatorXS with the documented interface and traps, over the real topics.

Written from the documented behaviour; no vendor's code. `.arm` and `.gripper` are left out on
purpose: whoever needs them does what the driver must not do.
"""

import sys

from interbotix_common_modules.common_robot.robot import InterbotixRobotNode
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from interbotix_xs_msgs.srv import (
    MotorGains,
    OperatingModes,
    Reboot,
    RegisterValues,
    RobotInfo,
    TorqueEnable,
)
import rclpy
from sensor_msgs.msg import JointState


class InterbotixRobotXSCore:
    def __init__(self, robot_name, node):
        if not isinstance(node, InterbotixRobotNode):
            raise AttributeError('node has no logdebug')
        self.robot_node = node
        self.joint_states = None
        ns = f'/{robot_name}'
        self._services = {
            'set_operating_modes': OperatingModes,
            'set_motor_pid_gains': MotorGains,
            'set_motor_registers': RegisterValues,
            'get_motor_registers': RegisterValues,
            'get_robot_info': RobotInfo,
            'torque_enable': TorqueEnable,
            'reboot_motors': Reboot,
        }
        self._clients = {
            name: node.create_client(kind, f'{ns}/{name}') for name, kind in self._services.items()
        }
        for client in self._clients.values():
            client.wait_for_service()  # for ever
        self.pub_group = node.create_publisher(JointGroupCommand, f'{ns}/commands/joint_group', 10)
        self.pub_single = node.create_publisher(
            JointSingleCommand, f'{ns}/commands/joint_single', 10
        )
        node.create_subscription(JointState, f'{ns}/joint_states', self._on_joint_states, 10)
        while self.joint_states is None:  # for ever
            rclpy.spin_once(node, timeout_sec=0.1)

    def _on_joint_states(self, message):
        self.joint_states = message

    def _ask(self, service, /, **fields):
        future = self._clients[service].call_async(self._services[service].Request(**fields))
        self.robot_node.wait_until_future_complete(future)
        return future.result()

    def robot_set_operating_modes(self, cmd_type, name, mode, profile_type='velocity',
                                  profile_velocity=0, profile_acceleration=0):  # fmt: skip
        """The defaults are a profile without limit."""
        self._ask('set_operating_modes', cmd_type=cmd_type, name=name, mode=mode,
                  profile_type=profile_type, profile_velocity=profile_velocity,
                  profile_acceleration=profile_acceleration)  # fmt: skip

    def robot_set_motor_registers(self, cmd_type, name, reg, value):
        self._ask('set_motor_registers', cmd_type=cmd_type, name=name, reg=reg, value=value)

    def robot_get_motor_registers(self, cmd_type, name, reg):
        return self._ask('get_motor_registers', cmd_type=cmd_type, name=name, reg=reg)

    def robot_get_robot_info(self, cmd_type, name):
        return self._ask('get_robot_info', cmd_type=cmd_type, name=name)

    def robot_torque_enable(self, cmd_type, name, enable):
        self._ask('torque_enable', cmd_type=cmd_type, name=name, enable=enable)

    def robot_reboot_motors(self, cmd_type, name, enable, smart_reboot):
        self._ask('reboot_motors', cmd_type=cmd_type, name=name, enable=enable,
                  smart_reboot=smart_reboot)  # fmt: skip

    def robot_write_commands(self, group_name, commands):
        self.pub_group.publish(JointGroupCommand(name=group_name, cmd=commands))

    def robot_write_joint_command(self, joint_name, command):
        self.pub_single.publish(JointSingleCommand(name=joint_name, cmd=command))


class InterbotixManipulatorXS:
    def __init__(self, robot_model, group_name='arm', gripper_name='gripper', robot_name=None,
                 moving_time=2.0, accel_time=0.3, node=None):  # fmt: skip
        """The times are stored and never written; a wrong arm ends the process."""
        self.core = InterbotixRobotXSCore(robot_name or robot_model, node)
        info = self.core.robot_get_robot_info('group', group_name)
        if info.num_joints != 6:
            sys.exit(1)
        self.moving_time, self.accel_time = moving_time, accel_time
        self.has_gripper_timer = gripper_name is not None
