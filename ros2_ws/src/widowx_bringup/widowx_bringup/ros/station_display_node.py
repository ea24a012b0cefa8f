# SPDX-License-Identifier: Apache-2.0
"""Shows table, camera, workspace and the chosen target in rviz."""

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String
from visualization_msgs.msg import MarkerArray

from parl_msgs.msg import EndEffectorTarget
from parl_node.run_node import node_process, spin
from widowx_bringup.ros import message_conversion as conversion
from widowx_bringup.station_shapes import read_station_shapes
from widowx_bringup.station_urdf import station_urdf

_LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class StationDisplayNode(Node):
    """Publishes `station_description`, `workspace_markers`, `target_markers` and `/tf_static`."""

    def __init__(self, **node_options: object) -> None:
        """Read the task file; `node_options` are those of rclpy.

        Raises:
            ConfigError: The task file cannot be used.
        """
        super().__init__('station_display', **node_options)
        shapes = read_station_shapes(str(self.declare_parameter('task_file', '').value))
        description = self.create_publisher(String, 'station_description', _LATCHED)
        description.publish(String(data=station_urdf(shapes)))
        workspace = self.create_publisher(MarkerArray, 'workspace_markers', _LATCHED)
        workspace.publish(conversion.workspace_markers(shapes))
        self._target = self.create_publisher(MarkerArray, 'target_markers', 1)
        self.create_subscription(EndEffectorTarget, 'executed_target', self._on_target, 10)
        try:
            from tf2_msgs.msg import TFMessage
        except ImportError:
            self.get_logger().warning('tf2_msgs is missing: the camera has no frame on /tf_static')
        else:
            transforms = self.create_publisher(TFMessage, '/tf_static', _LATCHED)
            transforms.publish(TFMessage(transforms=[conversion.camera_transform(shapes)]))

    def _on_target(self, target: EndEffectorTarget) -> None:
        self._target.publish(conversion.target_markers(target))


def main() -> None:
    """Run the node until it is interrupted."""
    with node_process('station_display'):
        spin(StationDisplayNode())


if __name__ == '__main__':
    main()
