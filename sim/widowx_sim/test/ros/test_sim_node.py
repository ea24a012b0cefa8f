# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
import time

from geometry_msgs.msg import TransformStamped
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from interbotix_xs_msgs.srv import OperatingModes, RegisterValues, RobotInfo
import numpy as np
import pytest
from rcl_interfaces.msg import Log
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, qos_profile_sensor_data, QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState

from parl_files.error import ParlError
from parl_msgs.srv import Reset
from parl_node.message_conversion import nanoseconds
from widowx_sim.ros.sim_node import SimNode

_LIMIT_S = 100.0  # only a hang lasts so long


class Bench:
    """A running sim node and a client that keeps everything it publishes."""

    def __init__(self, task_file, **parameters):
        overrides = [
            Parameter(name, value=value)
            for name, value in {'task_file': str(task_file), **parameters}.items()
        ]
        self.sim = SimNode(parameter_overrides=overrides)
        self.client = rclpy.create_node('client')
        self.kept = {'clock': [], 'joints': [], 'images': [], 'infos': [], 'logs': [], 'poses': []}
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        for name, message, topic, qos in (
            ('clock', Clock, '/clock', 50),
            ('joints', JointState, 'joint_states', 50),
            ('images', Image, 'camera/color/image_raw', qos_profile_sensor_data),
            ('infos', CameraInfo, 'camera/color/camera_info', qos_profile_sensor_data),
            ('logs', Log, '/rosout', 50),
            ('poses', TransformStamped, 'camera/transform', latched),
        ):
            self.client.create_subscription(message, topic, self.kept[name].append, qos)
        self._group = self.client.create_publisher(JointGroupCommand, 'commands/joint_group', 10)
        self._single = self.client.create_publisher(
            JointSingleCommand, 'commands/joint_single', 10
        )
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.sim)
        self._executor.add_node(self.client)
        self.wait(lambda: self.kept['images'] and self.kept['joints'] and self.kept['poses'])
        self.wait(lambda: self._group.get_subscription_count() == 1)
        self.wait(lambda: self._single.get_subscription_count() == 1)

    def wait(self, is_done: Callable[[], object]) -> None:
        end = time.monotonic() + _LIMIT_S
        while not is_done():
            assert time.monotonic() < end, 'waited too long'
            self._executor.spin_once(timeout_sec=0.05)

    def call(self, service, topic, **fields):
        client = self.client.create_client(service, topic)
        self.wait(client.service_is_ready)
        future = client.call_async(service.Request(**fields))
        self.wait(future.done)
        return future.result()

    def command(self, joints, finger=0.037, group='arm', single='gripper'):
        self._single.publish(JointSingleCommand(name=single, cmd=2 * finger))
        self._group.publish(JointGroupCommand(name=group, cmd=[float(j) for j in joints]))

    def newest(self, name) -> int:
        message = self.kept[name][-1]
        return nanoseconds(message.clock if name == 'clock' else message.header.stamp)

    def wait_past(self, stamp_ns) -> None:
        self.wait(lambda: self.newest('images') > stamp_ns and self.newest('joints') > stamp_ns)
        self.wait(lambda: self.newest('joints') >= self.newest('images'))

    def errors(self):
        return [log.msg for log in self.kept['logs'] if log.name == 'sim']

    def close(self):
        self._executor.shutdown()
        self.client.destroy_node()
        self.sim.destroy_node()


@pytest.fixture
def bench(ros_domain, task_file):
    bench = Bench(task_file)
    yield bench
    bench.close()


def test_lockstep_waits_then_advances_one_period_for_a_pair(bench, task):
    first = bench.newest('images')
    frames = len(bench.kept['images'])
    # It tells the same boundary again, with the same stamp, for whoever missed it.
    bench.wait(lambda: len(bench.kept['images']) >= frames + 2)
    assert {nanoseconds(image.header.stamp) for image in bench.kept['images']} == {first}
    assert bench.newest('clock') == bench.newest('joints') == first

    joints = np.array(bench.kept['joints'][-1].position[:6])
    for period in range(1, 4):
        begin = first + 200_000_000 * (period - 1)
        goal = joints + 0.02 * period
        bench.command(goal)
        bench.wait_past(begin)
        assert bench.newest('images') == bench.newest('joints') == begin + 200_000_000
        stamps = {nanoseconds(message.header.stamp) for message in bench.kept['joints']}
        assert {begin + 10_000_000 * tick for tick in range(21)} <= stamps
        assert len(stamps) == 1 + 20 * period
        np.testing.assert_allclose(bench.kept['joints'][-1].position[:6], goal, atol=0.01)


def test_messages_are_complete(bench, task):
    joints = bench.kept['joints'][-1]
    assert joints.name[:2] == ['waist', 'shoulder']
    assert joints.name[6:] == ['gripper', 'left_finger', 'right_finger']
    assert len(joints.position) == len(joints.velocity) == len(joints.effort) == 9
    assert abs(joints.effort[1]) > 300
    image = bench.kept['images'][-1]
    assert (image.height, image.width, image.encoding, image.step) == (480, 640, 'rgb8', 1920)
    assert len(image.data) == 480 * 1920
    assert image.header.frame_id == 'wx250s/camera_optical'
    pixels = np.frombuffer(image.data, np.uint8).reshape(480, 640, 3).astype(int)
    assert np.count_nonzero(pixels[..., 2] > 1.8 * pixels[..., 0]) > 300
    bench.wait(lambda: bench.kept['infos'])
    info = bench.kept['infos'][-1]
    assert info.k[0] == pytest.approx(240 / np.tan(task.camera.fovy / 2))
    assert (info.k[2], info.k[5]) == (319.5, 239.5)
    pose = bench.kept['poses'][-1]
    assert pose.header.frame_id == 'wx250s/base_link'
    assert pose.child_frame_id == 'wx250s/camera_optical'
    assert pose.transform.translation.z == pytest.approx(task.camera.position[2])
    rotation = pose.transform.rotation
    # The optical axis points down and back to the arm: third column of the rotation.
    along_z = 1 - 2 * (rotation.x**2 + rotation.y**2)
    assert along_z < -0.5


def test_the_wrist_camera_is_there_for_those_who_subscribe(bench):
    assert bench.sim._wrist_publisher.get_subscription_count() == 0
    images, infos = [], []
    for message, name, kept in ((Image, 'image_raw', images), (CameraInfo, 'camera_info', infos)):
        topic = f'wrist_camera/color/{name}'
        bench.client.create_subscription(message, topic, kept.append, qos_profile_sensor_data)
    bench.call(Reset, 'reset', seed=1)  # a reset shows the scene again
    bench.wait(lambda: images and infos)
    assert (images[0].height, images[0].width, images[0].encoding) == (240, 320, 'rgb8')
    assert images[0].header.frame_id == 'wx250s/wrist_camera_optical'
    stamp = nanoseconds(images[0].header.stamp)
    bench.wait(lambda: stamp in [nanoseconds(i.header.stamp) for i in bench.kept['images']])


def test_bad_commands_are_logged_by_name_and_the_arm_holds(bench):
    before = np.array(bench.kept['joints'][-1].position[:6])
    for words, fields in (
        ('waist command is nan', {'joints': [np.nan] * 6}),
        ('shape (5,)', {'joints': [0.0] * 5}),
        ("group 'legs'", {'joints': before, 'group': 'legs'}),
        ("joint 'tail'", {'joints': before, 'single': 'tail'}),
        ('gripper command is 0.5', {'joints': before, 'finger': 0.25}),
    ):
        bench.command(**fields)
        bench.wait(lambda words=words: any(words in error for error in bench.errors()))
    stamp = bench.newest('images')
    bench.command(before)
    bench.wait_past(stamp)
    np.testing.assert_allclose(bench.kept['joints'][-1].position[:6], before, atol=2e-3)


def test_reset_answers_with_a_new_frame_and_repeats_itself(bench):
    images = []
    for seed in (11, 12, 11):
        stamp = bench.newest('images')
        assert bench.call(Reset, 'reset', seed=seed).success
        bench.wait_past(stamp)
        images.append(bytes(bench.kept['images'][-1].data))
    assert images[0] == images[2] != images[1]


def test_servo_services_answer_like_the_real_driver(bench):
    info = bench.call(RobotInfo, 'get_robot_info', cmd_type='group', name='arm')
    assert (info.num_joints, info.mode, info.profile_type) == (6, 'position', 'time')
    assert info.joint_upper_limits[4] == pytest.approx(2.14675, abs=1e-5)
    arm = {'cmd_type': 'group', 'name': 'arm'}
    bench.call(
        OperatingModes,
        'set_operating_modes',
        mode='position',
        profile_type='time',
        profile_velocity=250,
        profile_acceleration=100,
        **arm,
    )
    read = {**arm, 'reg': 'Profile_Velocity'}
    assert list(bench.call(RegisterValues, 'get_motor_registers', **read).values) == [250] * 6
    bench.call(RegisterValues, 'set_motor_registers', value=400, **read)
    assert list(bench.call(RegisterValues, 'get_motor_registers', **read).values) == [400] * 6

    unknown = bench.call(RobotInfo, 'get_robot_info', cmd_type='group', name='legs')
    assert unknown.num_joints == 0
    bench.wait(lambda: any("'legs' is unknown" in error for error in bench.errors()))


def grid_ns(bench, kind):
    """Largest time of which all steps between stamps are multiples [ns]; 0 before there are three.

    A shifted stamp makes it smaller than the period for good.
    """
    stamps = {nanoseconds(message.header.stamp) for message in bench.kept[kind]}
    return np.gcd.reduce(np.diff(sorted(stamps))) if len(stamps) > 3 else 0


def test_realtime_goes_on_without_commands(ros_domain, task_file):
    bench = Bench(task_file, pacing='realtime', speed=2.0)
    try:
        first = bench.newest('joints')
        bench.wait(lambda: bench.newest('joints') >= first + 1_000_000_000)
        # A busy machine may lose messages, even every other one, but never shifts their stamps.
        for kind, period_ns in (('joints', 10_000_000), ('images', 50_000_000)):
            bench.wait(lambda kind=kind, period_ns=period_ns: grid_ns(bench, kind) == period_ns)
    finally:
        bench.close()


def test_bad_task_file_and_pacing_are_named(ros_domain, task_file, tmp_path):
    with pytest.raises(ParlError, match='absent'):
        SimNode(parameter_overrides=[Parameter('task_file', value=str(tmp_path / 'absent'))])
    parameters = [Parameter('task_file', value=str(task_file)), Parameter('pacing', value='fast')]
    with pytest.raises(ParlError, match="pacing is 'fast'"):
        SimNode(parameter_overrides=parameters)
