# SPDX-License-Identifier: Apache-2.0
"""Which way set-points take to the arm."""

from collections.abc import Callable
import time

from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from rclpy.node import Node

from widowx_driver.backend import interbotix
from widowx_driver.backend.arm_backend import ArmBackend
from widowx_driver.backend.direct import DirectBackend
from widowx_driver.ros import message_conversion as convert
from widowx_driver.safety.command import Command


def make_backend(node: Node, robot: str, is_arm_there: Callable[[], bool]) -> ArmBackend:
    """Take the vendor's modules where they are installed, the topics of xs_sdk elsewhere.

    Args:
        node: The driver; it publishes the set-points where the vendor's modules are missing.
        robot: Name of the arm's model, wx250s.
        is_arm_there: Whether the arm's driver answers; the vendor's modules need it to start.
    """
    try:
        vendor = interbotix.import_vendor()
    except Exception as error:  # a foreign module may raise anything
        vendor = None
        node.get_logger().warning(
            f'{interbotix.MODULE} is installed but cannot be imported: {error}; '
            'the driver publishes set-points itself, and nothing else changes'
        )
    if vendor is not None:
        namespace = node.get_namespace().strip('/')
        return interbotix.InterbotixBackend(vendor, robot, namespace, is_arm_there, time.monotonic)
    single = node.create_publisher(JointSingleCommand, 'commands/joint_single', 10)
    group = node.create_publisher(JointGroupCommand, 'commands/joint_group', 10)

    def publish(command: Command) -> None:
        single.publish(convert.joint_single_message(command))
        group.publish(convert.joint_group_message(command))

    return DirectBackend(publish)
