# SPDX-License-Identifier: Apache-2.0
"""The real node led through the simulated station by joint commands, keys through a terminal."""

import time

from geometry_msgs.msg import Point
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from interbotix_xs_msgs.srv import RegisterValues, TorqueEnable
import numpy as np
import pytest
import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
import yaml

from parl_files.config_file import ConfigError, from_mapping
from parl_node.message_conversion import seconds
from widowx_description.arm import JOINT_NAMES
from widowx_operator.ros.teach_workspace_node import (
    MAX_STATE_AGE_S,
    SectionFileError,
    TeachWorkspaceNode,
)


def teach_node(desk, task_file, section_file):
    parameters = {'task_file': str(task_file), 'section_file': str(section_file)}
    return TeachWorkspaceNode(
        desk.terminal,
        parameter_overrides=[Parameter(name, value=value) for name, value in parameters.items()],
    )


class FakeArm(Node):
    """Publishes joint_states and can be let go."""

    def __init__(self):
        super().__init__('fake_arm')
        self.positions = [0.0] * 6
        self.torques = []
        self.torque_enable = [1] * 6
        self.hears = [True] * 6
        self.answers = 6
        self._states = self.create_publisher(JointState, 'joint_states', 10)
        self.clicks = self.create_publisher(Point, 'camera/color/image_raw_mouse_left', 10)
        self.create_service(TorqueEnable, 'torque_enable', self._on_torque)
        self.create_service(RegisterValues, 'get_motor_registers', self._on_read)
        self.create_timer(0.02, self._publish)

    def _publish(self):
        self._states.publish(JointState(name=list(JOINT_NAMES), position=self.positions))

    def _on_torque(self, request, response):
        self.torques.append((request.cmd_type, request.name, request.enable))
        for joint in np.flatnonzero(self.hears):
            self.torque_enable[joint] = int(request.enable)
        return response

    def _on_read(self, request, response):
        assert (request.cmd_type, request.name) == ('group', 'arm')
        assert request.reg == 'Torque_Enable'
        response.values = self.torque_enable[: self.answers]
        return response


@pytest.fixture
def arm(ros_domain):
    return FakeArm()


@pytest.fixture
def graph(make_graph, desk, arm, task_file, tmp_path):
    teach = teach_node(desk, task_file, tmp_path / 'section.yaml')
    graph = make_graph(arm, teach)
    graph.teach = teach
    graph.wait(lambda: teach._state is not None)
    return graph


def test_arm_is_let_go_only_after_a_second_press_and_never_left_loose(graph, arm):
    graph.press('t', 'SUPPORT THE ARM')
    graph.press('s', '0 corners')
    graph.press('t', 'SUPPORT THE ARM')
    assert arm.torques == []
    graph.press('t', 'the arm is loose')
    assert arm.torques == [('group', 'arm', False)]
    graph.press('q', 'support it, press t so that it holds')
    graph.press('t', 'the arm holds')
    assert arm.torques[-1] == ('group', 'arm', True)
    graph.desk.press('q')
    graph.wait(lambda: graph.teach.is_over)


def test_arm_that_did_not_hear_counts_as_loose(graph, arm):
    graph.press('t', 'SUPPORT THE ARM')
    graph.press('t', 'the arm is loose')
    # A serial drop-out: no servo hears, then one does not, then none can be read.
    for hears, answers, words in (
        ([False] * 6, 6, 'Torque_Enable reads [0, 0, 0, 0, 0, 0] where 6 joints should say 1'),
        ([True, True, False, True, True, True], 6, 'Torque_Enable reads [1, 1, 0, 1, 1, 1]'),
        ([True] * 6, 0, 'Torque_Enable reads []'),
    ):
        arm.hears, arm.answers = hears, answers
        graph.press('t', words)
        graph.press('q', 'support it, press t so that it holds')
        assert not graph.teach.is_over
    arm.answers = 6
    graph.press('t', 'the arm holds')
    graph.desk.press('q')
    graph.wait(lambda: graph.teach.is_over)


def test_arm_is_not_let_go_while_somebody_commands_it(graph, arm):
    arm.create_publisher(JointGroupCommand, 'commands/joint_group', 10)
    graph.wait(lambda: graph.teach.count_publishers('commands/joint_group'))
    graph.press('t', 'would work against your hand')
    assert arm.torques == []


def test_pixels_come_typed_or_clicked(graph, arm):
    graph.press('m', 'mark 1 at (0.474, 0.000, 0.361) m')
    graph.press('30x 2\n', "'30x 2' is not a pixel")
    graph.press('900 20\n', 'outside the 640x480 image')
    graph.press('301\x7f0, 2', 'pixel u v: 300, 2')
    graph.press('43\n', 'mark 1 is seen at (300, 243)')
    graph.press('m', 'mark 2')
    seen = len(graph.desk.read())
    arm.clicks.publish(Point(x=10.0, y=20.0))
    graph.wait(lambda: 'mark 2 is seen at (10, 20)' in graph.desk.read()[seen:])
    arm.clicks.publish(Point(x=10.0, y=20.0))
    graph.wait(lambda: 'no mark waits' in graph.desk.read()[seen:])
    graph.press('mz', 'touched mark is forgotten')
    graph.press('?', "key '?' means nothing")


def test_bad_joint_states_and_incomplete_teaching_are_told(graph, arm, tmp_path):
    arm.positions[2] = -np.pi
    graph.wait(lambda: graph.teach._state.position[2] < -3)
    graph.press('e', 'elbow is -3.14')
    arm.destroy_timer(next(arm.timers))
    graph.wait(lambda: time.monotonic() - graph.teach._state_at_s > MAX_STATE_AGE_S)
    graph.press('e', 'joint_states: no new message')
    graph.press('w', 'nothing is written: 0 corners')
    assert not (tmp_path / 'section.yaml').exists()


def test_bad_parameters_are_named(ros_domain, desk, task_file, tmp_path):
    (tmp_path / 'there.yaml').write_text('', encoding='utf-8')
    with pytest.raises(SectionFileError, match='parameter section_file is empty; give the path'):
        teach_node(desk, task_file, '')
    with pytest.raises(SectionFileError, match=r'there\.yaml is there already; give the path'):
        teach_node(desk, task_file, tmp_path / 'there.yaml')
    with pytest.raises(ConfigError, match='absent'):
        teach_node(desk, tmp_path / 'absent', tmp_path / 'new.yaml')


def test_taught_simulation_gives_the_task_files_own_calibration(
    ros_domain, make_graph, desk, task_file, tmp_path
):
    """Led by joint commands; what is written is read by the detector and the driver."""
    pytest.importorskip('mujoco', reason='no MuJoCo in this Python')
    from reward_detector.camera.calibration import CameraCalibration
    from widowx_driver.arm.kinematics import InverseKinematics
    from widowx_driver.arm.pose import Pose, STRAIGHT_DOWN
    from widowx_driver.driver_task import load_driver_task
    from widowx_sim.ros.sim_node import SimNode

    section_file = tmp_path / 'section.yaml'
    teach = teach_node(desk, task_file, section_file)
    sim = SimNode(parameter_overrides=[Parameter('task_file', value=str(task_file))])
    lead = rclpy.create_node('lead')
    group = lead.create_publisher(JointGroupCommand, 'commands/joint_group', 10)
    single = lead.create_publisher(JointSingleCommand, 'commands/joint_single', 10)
    graph = make_graph(sim, teach, lead)
    kinematics = InverseKinematics(0.0)

    def go(x, y, z):
        """Command the arm until it stands there; it droops by a few mm under its weight."""
        joints = kinematics.solve_cold(Pose(position=np.array([x, y, z]), rotation=STRAIGHT_DOWN))
        for _ in range(3):
            stamp = teach._state.header.stamp
            group.publish(JointGroupCommand(name='arm', cmd=joints.tolist()))
            single.publish(JointSingleCommand(name='gripper', cmd=0.015))
            graph.wait(
                lambda stamp=stamp: seconds(teach._state.header.stamp) > seconds(stamp) + 0.19
            )

    graph.wait(lambda: teach._state is not None and sim.count_publishers('commands/joint_group'))
    graph.wait(lambda: group.get_subscription_count() and single.get_subscription_count())
    for number, corner in enumerate([(0.20, -0.20, 0.03), (0.34, 0.22, 0.20)], 1):
        go(*corner)
        graph.press('e', f'corner {number}')
    intrinsics, camera = sim._station.camera_intrinsics(), sim._station.camera_pose()
    marks = [(x, y) for x in (0.20, 0.32) for y in (-0.18, 0.0, 0.18)]
    for number, (x, y) in enumerate(marks, 1):
        go(x, y, 0.030)
        tip = teach._pose().fingertip
        seen = intrinsics @ camera[:3, :3].T @ (np.array([*tip[:2], 0.0]) - camera[:3, 3])
        graph.press('m', f'mark {number}')
        graph.press(f'{seen[0] / seen[2]:.1f} {seen[1] / seen[2]:.1f}\n', 'is seen at')
    graph.press('w', f'written: {section_file}')

    taught = yaml.safe_load(section_file.read_text(encoding='utf-8'))
    task = yaml.safe_load(task_file.read_text(encoding='utf-8'))
    old = from_mapping(CameraCalibration, task['camera'], 'camera').homography
    task['workspace'] = taught['workspace']
    task['camera'].update(taught['camera'])
    new = from_mapping(CameraCalibration, task['camera'], 'camera').homography
    assert new.residuals_mm.max() < 0.5
    pixels = np.array([[150.0, 200.0], [300.0, 300.0], [450.0, 250.0]])
    np.testing.assert_allclose(new.to_base(pixels), old.to_base(pixels), atol=1.5e-3)
    task_path = tmp_path / 'task.yaml'
    task_path.write_text(yaml.safe_dump(task), encoding='utf-8')
    workspace = load_driver_task(task_path).workspace
    np.testing.assert_allclose(workspace.low, [0.20, -0.20, 0.03], atol=0.01)
    np.testing.assert_allclose(workspace.high, [0.34, 0.22, 0.20], atol=0.01)
