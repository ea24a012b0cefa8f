# SPDX-License-Identifier: Apache-2.0
"""Subscribes to the arm's joint states, which come a hundred times a second."""

from collections.abc import Callable

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState

from parl_node.wait_list import WOKEN_BY_CLOCK


def subscribe_to_joint_states(node: Node, callback: Callable[[JointState], None]) -> None:
    """Subscribe to `joint_states` and miss none of them, also when many come at once.

    In simulated time the clock wakes the node and not each of these messages: a simulated arm
    publishes the clock after the joint states of that time, in lock-step one for twenty of them.
    """
    every = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
    subscription = node.create_subscription(JointState, 'joint_states', callback, every)
    setattr(subscription, WOKEN_BY_CLOCK, bool(node.get_parameter('use_sim_time').value))
