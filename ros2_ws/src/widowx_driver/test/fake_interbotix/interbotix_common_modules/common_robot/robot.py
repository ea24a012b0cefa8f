# SPDX-License-Identifier: Apache-2.0
"""Start and stop of the vendor's node as documented: one per process, never twice."""

import threading
import time

import rclpy
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node

from interbotix_common_modules.common_robot.exceptions import InterbotixException

_state = {}


class InterbotixRobotNode(Node):
    def logdebug(self, message):
        self.get_logger().debug(message)

    def wait_until_future_complete(self, future, timeout_sec=None):
        """Polls at 20 Hz and waits for ever by default."""
        while not future.done():
            if 'thread' in _state:
                time.sleep(0.05)
            else:
                rclpy.spin_until_future_complete(self, future, timeout_sec=0.05)


def create_interbotix_global_node(node_name='robot_manipulation'):
    if 'node' in _state:
        raise InterbotixException('the global node exists')
    if not rclpy.ok():
        rclpy.init()
    _state['node'] = InterbotixRobotNode(node_name)
    return _state['node']


def get_interbotix_global_node():
    if 'node' not in _state:
        raise NameError('no global node')
    return _state['node']


def robot_startup(node=None):
    if 'thread' in _state:
        raise InterbotixException('already started')
    executor = MultiThreadedExecutor()
    executor.add_node(node)
    _state['executor'] = executor
    _state['thread'] = threading.Thread(target=executor.spin, daemon=True)
    _state['thread'].start()


def robot_shutdown(node=None):
    """Neither parks nor takes torque off; shuts the default context down."""
    _state['executor'].shutdown()
    _state['thread'].join()
    _state['node'].destroy_node()
    rclpy.shutdown()
