# SPDX-License-Identifier: Apache-2.0
"""The arm in Gazebo behind the ROS interface of the real arm."""

import threading

import numpy as np
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.task import Future
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64

from parl_msgs.srv import Reset
from parl_node.message_conversion import nanoseconds, stamp
from parl_node.run_node import node_process, spin
from widowx_gazebo.gazebo_arm import GazeboArm, MeasuredJoints
from widowx_gazebo.gazebo_error import GazeboError
from widowx_gazebo.model_poses import set_model_poses
from widowx_gazebo.ros import message_conversion as conversion
from widowx_gazebo.station_world import DRIVEN_JOINTS
from widowx_sim.ros.station_node import StationNode
from widowx_sim.scene.object_placement import draw_poses
from widowx_sim.scene.task_scene import load_task_scene
from widowx_sim.servos.bus import ServoBus


class GazeboArmNode(StationNode):
    """Begins with Gazebo's first joint states, and answers each state with set-points."""

    def __init__(self, **node_options: object) -> None:
        """Read the task and wait for Gazebo; `node_options` are those of rclpy.

        Raises:
            ConfigError: The task file cannot be used.
        """
        super().__init__('gazebo_arm', **node_options)
        self._task = load_task_scene(self.declare_parameter('task_file', '').value)
        self._arm: GazeboArm | None = None
        self._set_points = [
            self.create_publisher(Float64, f'gazebo/{name}', 10) for name in DRIVEN_JOINTS
        ]
        self.create_subscription(JointState, 'gazebo/joint_states', self._on_joints, 10)

    def now_s(self) -> float:
        """Return the simulated time [s]."""
        return self._arm.stamp_s if self._arm else 0.0

    def _on_joints(self, message: JointState) -> None:
        measured = conversion.measured_joints(message)
        stamp_ns = nanoseconds(message.header.stamp)
        arm = self._arm or self._begin(measured, stamp_ns)
        self.play_trajectory()
        for publisher, value in zip(self._set_points, arm.advance(measured), strict=True):
            publisher.publish(Float64(data=float(value)))
        self.publish_joint_state(arm.joint_state(), stamp_ns)

    def _begin(self, measured: MeasuredJoints, stamp_ns: int) -> GazeboArm:
        self._arm = GazeboArm(measured)
        self.serve(ServoBus(self._arm), self._task, stamp_ns)
        # Reentrant: while a reset waits for Gazebo, the arm goes on.
        waiting = ReentrantCallbackGroup()
        self.create_service(Reset, 'reset', self._on_reset, callback_group=waiting)
        return self._arm

    async def _on_reset(self, request: Reset.Request, response: Reset.Response) -> Reset.Response:
        poses = draw_poses(self._task, np.random.default_rng(request.seed))
        answer = Future()

        def place() -> None:
            try:
                set_model_poses(poses)
                answer.set_result('')
            except GazeboError as error:
                answer.set_result(str(error))
            self.executor.wake()

        # Placing takes a second, so it has its own thread: the arm answers each state meanwhile.
        threading.Thread(target=place, daemon=True).start()
        response.message = await answer
        response.success = not response.message
        response.stamp = stamp(self.now_s())
        return response


def main() -> None:
    """Run the node until it is interrupted."""
    with node_process('gazebo_arm'):
        spin(GazeboArmNode())


if __name__ == '__main__':
    main()
