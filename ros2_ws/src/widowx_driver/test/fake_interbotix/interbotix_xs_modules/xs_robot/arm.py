# SPDX-License-Identifier: Apache-2.0
"""InterbotixManipulatorXS with the documented interface and traps, over the real topics.

Written from the documented behaviour; no vendor's code. `.arm` and the vendor's service calls are
left out on purpose: whoever needs them does what the driver must not do.
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

from interbotix_xs_modules.xs_robot import mr_descriptions


class InterbotixRobotXSCore:
    def __init__(self, robot_model, robot_name, node):
        if not isinstance(node, InterbotixRobotNode):
            raise AttributeError('node has no logdebug')
        self.robot_node = node
        self.joint_states = None
        name = robot_model if robot_name is None else robot_name
        ns = f'/{name}' if name else ''
        services = {
            'set_operating_modes': OperatingModes,
            'set_motor_pid_gains': MotorGains,
            'set_motor_registers': RegisterValues,
            'get_motor_registers': RegisterValues,
            'get_robot_info': RobotInfo,
            'torque_enable': TorqueEnable,
            'reboot_motors': Reboot,
        }
        clients = {
            name: node.create_client(kind, f'{ns}/{name}') for name, kind in services.items()
        }
        for client in clients.values():
            client.wait_for_service()  # for ever
        self.srv_get_info = clients['get_robot_info']
        self.pub_group = node.create_publisher(JointGroupCommand, f'{ns}/commands/joint_group', 10)
        self.pub_single = node.create_publisher(
            JointSingleCommand, f'{ns}/commands/joint_single', 10
        )
        node.create_subscription(JointState, f'{ns}/joint_states', self._on_joint_states, 10)
        while self.joint_states is None and rclpy.ok():  # for ever
            rclpy.spin_once(node, timeout_sec=0.1)

    def _on_joint_states(self, message):
        self.joint_states = message

    def robot_write_commands(self, group_name, commands):
        self.pub_group.publish(JointGroupCommand(name=group_name, cmd=commands))

    def robot_write_joint_command(self, joint_name, command):
        self.pub_single.publish(JointSingleCommand(name=joint_name, cmd=command))


class InterbotixGripperXSInterface:
    """Holds by PWM; its timer ends that at the limits of the fingers, never on an object."""

    def __init__(self, core, gripper_name):
        self.core, self.gripper_name, self.pwm = core, gripper_name, 0.0
        core.robot_node.create_timer(0.02, self._stop_at_the_limits)

    def grasp(self):
        self._push(-250.0)

    def release(self):
        self._push(250.0)

    def _push(self, pwm):
        self.pwm = pwm
        self.core.robot_write_joint_command(self.gripper_name, pwm)

    def _stop_at_the_limits(self):
        states = self.core.joint_states
        finger_m = states.position[states.name.index('left_finger')]
        if (self.pwm > 0 and finger_m >= 0.037) or (self.pwm < 0 and finger_m <= 0.015):
            self._push(0.0)


class InterbotixManipulatorXS:
    def __init__(self, robot_model, group_name='arm', gripper_name='gripper', robot_name=None,
                 moving_time=2.0, accel_time=0.3, node=None):  # fmt: skip
        """The times are stored and never written; a wrong arm ends the process."""
        self.core = InterbotixRobotXSCore(robot_model, robot_name, node)
        description = getattr(mr_descriptions, robot_model)
        request = RobotInfo.Request(cmd_type='group', name=group_name)
        reply = self.core.srv_get_info.call_async(request)
        rclpy.spin_until_future_complete(node, reply)  # for ever
        rclpy.spin_once(node)  # for ever, if joint_states end here
        if reply.result().num_joints != description.JOINT_COUNT:
            sys.exit(1)
        self.moving_time, self.accel_time = moving_time, accel_time
        if gripper_name is not None:
            self.gripper = InterbotixGripperXSInterface(self.core, gripper_name)
