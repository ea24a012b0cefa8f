# SPDX-License-Identifier: Apache-2.0
"""The vendor's node as documented: one per process, never twice; robot_startup is left out.

Nothing may need it: its executor takes the interpreter from the driver's.
"""

import rclpy
from rclpy.node import Node

from interbotix_common_modules.common_robot.exceptions import InterbotixException

_state = {}


class InterbotixRobotNode(Node):
    def logdebug(self, message):
        self.get_logger().debug(message)

    def wait_until_future_complete(self, future, timeout_sec=None):
        """Spins as long as robot_startup was not called, and waits for ever by default."""
        rclpy.spin_until_future_complete(self, future, timeout_sec=timeout_sec)


def create_interbotix_global_node(node_name='robot_manipulation'):
    if 'node' in _state:
        raise InterbotixException('the global node exists')
    if not rclpy.ok():
        rclpy.init()
    _state['node'] = InterbotixRobotNode(node_name)
    return _state['node']
