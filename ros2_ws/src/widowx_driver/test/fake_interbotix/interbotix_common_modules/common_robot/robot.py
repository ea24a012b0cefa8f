# SPDX-License-Identifier: Apache-2.0
"""The vendor's node as documented: one per process, never twice; robot_startup is left out.

Nothing may need it: its executor takes the interpreter from the driver's.
"""

import rclpy
from rclpy.node import Node

from interbotix_common_modules.common_robot.exceptions import InterbotixException

_nodes = []


class InterbotixRobotNode(Node):
    def logdebug(self, message):
        self.get_logger().debug(message)


def create_interbotix_global_node(
    node_name='interbotix_robot_manipulation', namespace=None, *args, **kwargs
):
    if _nodes:
        raise InterbotixException('the global node exists')
    if not rclpy.ok():
        rclpy.init(*args, **kwargs)
    _nodes.append(InterbotixRobotNode(node_name, *args, namespace=namespace, **kwargs))
    return get_interbotix_global_node()


def get_interbotix_global_node():
    return _nodes[0]
