# SPDX-License-Identifier: Apache-2.0
"""The real driver node against a fake arm, over real DDS."""

from pathlib import Path
import sys
import time

from diagnostic_msgs.msg import DiagnosticArray
from fake_servos import FakeServos
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, JointState
from std_srvs.srv import Trigger

from parl_msgs.msg import EndEffectorTarget, EpisodeStatus
from parl_msgs.srv import GoToStart
from widowx_driver.arm_model import JOINT_NAMES
from widowx_driver.driver_node import DriverNode
from widowx_driver.message_conversion import SERVO_SERVICES

LIMIT_S = 10.0
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
SLEEP = [0.0, -1.80, 1.55, 0.0, 0.8, 0.0]
HERE = Path(__file__).parent


class FakeArm(Node):
    """Publishes joint_states, obeys every command at once, remembers what it heard."""

    def __init__(self, joints, finger_m, lock_step_from_s=None):
        super().__init__('fake_arm', namespace='wx250s')
        self.joints, self.finger_m = list(joints), finger_m
        self.overrides = {}
        self.effort = 0.0
        self.is_silent = False
        self.sim_time_s = lock_step_from_s
        self.singles, self.groups, self.executed, self.diagnostics = [], [], [], []
        self.servos = FakeServos()
        self._pair = set()
        self._states = self.create_publisher(JointState, 'joint_states', 10)
        self.clock_topic = self.create_publisher(Clock, '/clock', 10)
        self.targets = self.create_publisher(EndEffectorTarget, 'target', 1)
        self.episodes = self.create_publisher(EpisodeStatus, 'episode', LATCHED)
        self.create_subscription(JointSingleCommand, 'commands/joint_single', self._on_single, 10)
        self.create_subscription(JointGroupCommand, 'commands/joint_group', self._on_group, 10)
        self.create_subscription(EndEffectorTarget, 'executed_target', self.executed.append, 10)
        self.create_subscription(DiagnosticArray, '/diagnostics', self.diagnostics.append, 10)
        self.frames = self.create_publisher(CameraInfo, 'camera/color/camera_info', 10)
        for name, service in SERVO_SERVICES.items():
            self.create_service(
                service, name, lambda request, response, name=name: self._on_servos(
                    name, request, response
                )
            )  # fmt: skip
        self.go_to_start = self.create_client(GoToStart, 'go_to_start')
        self.recover = self.create_client(Trigger, 'recover')
        self.park = self.create_client(Trigger, 'park')
        self.stop = self.create_client(Trigger, 'stop')
        self.resume = self.create_client(Trigger, 'resume')
        # real time: 50 Hz; lock-step: the boundary is repeated until a pair of commands comes
        self.create_timer(0.02 if lock_step_from_s is None else 0.5, self.publish_state)

    def now(self):
        if self.sim_time_s is None:
            return self.get_clock().now().to_msg()
        clock = Clock()
        clock.clock.sec = int(self.sim_time_s)
        clock.clock.nanosec = round((self.sim_time_s % 1.0) * 1e9)
        return clock.clock

    def publish_state(self):
        if self.is_silent:
            return
        message = JointState()
        message.header.stamp = self.now()
        values = dict(zip(JOINT_NAMES, self.joints, strict=True))
        values['left_finger'] = self.finger_m
        values |= self.overrides
        values = {name: value for name, value in values.items() if value is not None}
        message.name, message.position = list(values), [float(v) for v in values.values()]
        message.effort = [self.effort] * len(values)
        self._states.publish(message)
        if self.sim_time_s is not None:
            self.clock_topic.publish(Clock(clock=self.now()))

    def send_target(self, position, **changes):
        message = EndEffectorTarget()
        message.header.frame_id = 'wx250s/base_link'
        message.header.stamp = self.now()
        message.episode_id, message.step, message.policy_version = 'e1', 3, 'p7'
        message.pose.position.x, message.pose.position.y, message.pose.position.z = position
        message.pose.orientation.y = message.pose.orientation.w = float(np.sqrt(0.5))
        message.gripper = changes.get('gripper', 1.0)
        message.header.frame_id = changes.get('frame_id', 'wx250s/base_link')
        self.targets.publish(message)

    def _on_servos(self, name, request, response):
        names = request.get_fields_and_field_types()
        fields = {key: getattr(request, key) for key in names}
        if name == 'get_motor_registers':
            del fields['value']
        answer = self.servos.answer(name, **fields)
        for key, value in vars(answer).items():
            setattr(response, key, value)
        return response

    def _on_single(self, message):
        self.singles.append(message)
        self._obey(message.name, finger_m=message.cmd)

    def _on_group(self, message):
        self.groups.append(message)
        self._obey(message.name, joints=list(message.cmd))

    def _obey(self, name, joints=None, finger_m=None):
        self.joints = self.joints if joints is None else joints
        self.finger_m = self.finger_m if finger_m is None else finger_m
        self._pair.add(name)
        if self.sim_time_s is not None and self._pair == {'arm', 'gripper'}:
            self._pair.clear()
            for _ in range(20):
                self.sim_time_s = round(self.sim_time_s + 0.01, 6)
                self.publish_state()


class Bench:
    """Driver and fake arm on one executor."""

    def __init__(self, task_file, joints, finger_m, lock_step_from_s=None, watch_effort=True):
        self.driver = DriverNode(
            namespace='wx250s',
            parameter_overrides=[
                Parameter('task_file', value=str(task_file)),
                Parameter('use_sim_time', value=lock_step_from_s is not None),
                Parameter('watch_effort', value=watch_effort),
            ],
        )
        self.arm = FakeArm(joints, finger_m, lock_step_from_s)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.driver)
        self._executor.add_node(self.arm)

    def wait(self, condition, what):
        end_s = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < end_s, f'waited {LIMIT_S} s for {what}'
            self._executor.spin_once(timeout_sec=0.05)

    def call(self, client, request):
        self.wait(client.service_is_ready, client.srv_name)
        reply = client.call_async(request)
        self.wait(reply.done, client.srv_name)
        return reply.result()

    def connect(self):
        self.wait(
            lambda: (
                self.arm.count_subscribers('joint_states') > 0
                and self.arm.count_subscribers('target') > 0
                and self.driver.count_subscribers('executed_target') > 0
                and self.driver.count_subscribers('commands/joint_group') > 0
                and self.driver.count_subscribers('commands/joint_single') > 0
                and self.driver.is_ready
            ),
            'discovery',
        )

    def start(self):
        self.connect()
        reply = self.call(self.arm.go_to_start, GoToStart.Request())
        assert reply.success, reply.message
        return reply

    def answer(self, position, **changes):
        count = len(self.arm.executed)
        self.arm.send_target(position, **changes)
        self.wait(lambda: len(self.arm.executed) > count, 'executed_target')
        return self.arm.executed[-1]

    def diagnosis(self, text):
        self.arm.diagnostics.clear()
        self.wait(
            lambda: any(text in m.status[0].message for m in self.arm.diagnostics),
            f'diagnostics saying {text!r}',
        )
        return next(m.status[0] for m in self.arm.diagnostics if text in m.status[0].message)

    def close(self):
        self._executor.remove_node(self.driver)
        self._executor.remove_node(self.arm)
        self.driver.destroy_node()
        self.arm.destroy_node()
        self._executor.shutdown()


@pytest.fixture(params=['direct', 'interbotix_xs_modules'])
def backend(request, monkeypatch):
    """With the vendor's modules or without; a stand-in with their documented interface is used."""
    if request.param != 'direct':
        monkeypatch.syspath_prepend(HERE / 'fake_interbotix')
    yield request.param
    for name in list(sys.modules):
        if name.startswith(('interbotix_common_modules', 'interbotix_xs_modules')):
            del sys.modules[name]


@pytest.fixture
def bench(ros_domain, backend, task_file, shell):
    """An arm that stands at the start pose, in real time."""
    start = shell.start_command
    bench = Bench(task_file, start.joint_positions, start.finger_m)
    yield bench
    bench.close()


@pytest.fixture
def sleeping_bench(ros_domain, backend, task_file):
    """An arm in its sleep pose whose time stands still between commands."""
    bench = Bench(task_file, SLEEP, 0.02, lock_step_from_s=1000.0)
    yield bench
    bench.close()


def test_an_accepted_target_gives_one_gripper_and_one_arm_command(bench):
    reply = bench.start()
    assert reply.target.pose.position.x == pytest.approx(0.28)
    assert reply.target.header.frame_id == 'wx250s/base_link'
    assert bench.arm.groups == []
    executed = bench.answer((0.30, 0.0, 0.16), gripper=0.0)
    bench.wait(lambda: bench.arm.groups and bench.arm.singles, 'commands')
    assert len(bench.arm.groups) == len(bench.arm.singles) == 1
    assert bench.arm.groups[0].name == 'arm'
    assert len(bench.arm.groups[0].cmd) == 6
    assert bench.arm.singles[0].name == 'gripper'
    assert bench.arm.singles[0].cmd == pytest.approx(0.010)
    assert (executed.episode_id, executed.step, executed.policy_version) == ('e1', 3, 'p7')
    assert executed.pose.position.z == pytest.approx(0.16)
    assert not executed.limited
    assert executed.reason == ''


def test_the_profile_is_written_and_a_raised_arm_is_not_let_go(bench, backend):
    bench.connect()
    assert bench.driver.backend_name == backend
    registers = bench.arm.servos.registers
    assert registers['Profile_Velocity'] == [200] * 7
    assert registers['Profile_Acceleration'] == [100] * 7
    assert registers['Goal_PWM'][6] == 200
    assert not {'set_operating_modes', 'torque_enable'} & set(bench.arm.servos.services())


def test_a_target_before_go_to_start_is_refused_and_nothing_moves(bench):
    bench.connect()
    executed = bench.answer((0.30, 0.0, 0.16))
    assert executed.limited
    assert 'call go_to_start' in executed.reason
    assert executed.arm_fault
    assert executed.pose.position.x == pytest.approx(0.28, abs=1e-3)
    assert bench.arm.groups == []
    bench.diagnosis('go_to_start')


@pytest.mark.parametrize(
    ('position', 'changes', 'reason'),
    [
        ((float('nan'), 0.0, 0.16), {}, 'give finite numbers'),
        ((0.30, 0.0, 0.16), {'frame_id': 'world'}, "give it in 'wx250s/base_link'"),
        ((0.30, 0.0, 0.16), {'gripper': 2.0}, 'give 0 (closed)'),
    ],
)
def test_a_bad_target_repeats_the_last_command_and_says_why(bench, position, changes, reason):
    bench.start()
    before = list(bench.arm.joints)
    executed = bench.answer(position, **changes)
    assert executed.limited
    assert not executed.arm_fault  # another target would be taken
    assert reason in executed.reason
    assert executed.pose.position.x == pytest.approx(0.28)
    bench.wait(lambda: bench.arm.groups and bench.arm.singles, 'repeated commands')
    assert list(bench.arm.groups[0].cmd) == pytest.approx(before)


@pytest.mark.parametrize(
    ('overrides', 'reason'),
    [
        ({'elbow': -np.pi}, 'elbow is -pi: failed bus read'),
        ({'shoulder': np.nan}, 'shoulder is nan: failed bus read'),
        ({'wrist_angle': None}, 'wrist_angle is missing'),
    ],
)
def test_an_arm_that_cannot_be_read_holds_until_it_can(bench, overrides, reason):
    bench.start()
    bench.arm.overrides = overrides
    status = bench.diagnosis(reason)
    assert status.level == b'\x02'
    executed = bench.answer((0.30, 0.0, 0.16))
    assert reason in executed.reason
    assert executed.pose.position.x == pytest.approx(0.28)
    bench.arm.overrides = {}
    bench.diagnosis('follows targets')
    assert not bench.answer((0.30, 0.0, 0.16)).limited


def test_stop_holds_until_resume(bench):
    bench.start()
    assert bench.call(bench.arm.stop, Trigger.Request()).success
    held = bench.answer((0.30, 0.0, 0.16))
    assert 'stopped by the operator' in held.reason
    assert not held.arm_fault  # whoever stops it may let the episode go on
    assert 'stopped' in bench.call(bench.arm.go_to_start, GoToStart.Request()).message
    assert bench.diagnosis('stopped').level == b'\x01'
    assert bench.call(bench.arm.resume, Trigger.Request()).success
    assert not bench.answer((0.30, 0.0, 0.16)).limited


def test_silence_of_the_policy_and_of_the_arm_are_named(bench):
    bench.start()
    bench.arm.episodes.publish(EpisodeStatus(state=EpisodeStatus.RUNNING, episode_id='e1'))
    assert not bench.answer((0.30, 0.0, 0.16)).limited
    assert bench.diagnosis('no target for').level == b'\x01'
    commands = len(bench.arm.groups)
    bench.arm.is_silent = True
    assert bench.diagnosis('joint_states are').level == b'\x02'
    assert len(bench.arm.groups) == commands


def test_diagnostics_count_targets(bench):
    bench.start()
    bench.answer((0.30, 0.0, 0.16))
    bench.arm.send_target((0.30, 0.0, 0.16), frame_id='world')
    status = bench.diagnosis('frame')
    values = {pair.key: pair.value for pair in status.values}
    assert status.name == 'wx250s: driver'
    assert (values['targets_accepted'], values['targets_held']) == ('1', '1')
    assert values['servos_prepared'] == 'true'


def test_go_to_start_in_lock_step(sleeping_bench, shell):
    bench = sleeping_bench
    bench.start()
    assert bench.arm.joints == pytest.approx(shell.start_command.joint_positions, abs=1e-6)
    way = np.array([SLEEP] + [list(message.cmd) for message in bench.arm.groups])
    assert np.max(np.abs(np.diff(way, axis=0))) <= 0.5 * 0.2 + 1e-6
    assert len(bench.arm.groups) == len(bench.arm.singles)
    elapsed_s = bench.arm.sim_time_s - 1000.0
    assert elapsed_s == pytest.approx(0.2 * len(bench.arm.groups), abs=1e-6)
    executed = bench.answer((0.30, 0.0, 0.16))
    assert not executed.limited
    again = bench.call(bench.arm.go_to_start, GoToStart.Request())
    assert again.success


def test_stop_ends_the_way_to_the_start_pose(sleeping_bench):
    bench = sleeping_bench
    bench.connect()
    bench.wait(bench.arm.go_to_start.service_is_ready, 'go_to_start')
    reply = bench.arm.go_to_start.call_async(GoToStart.Request())
    bench.wait(lambda: len(bench.arm.groups) >= 5, 'the first set-points')
    bench.call(bench.arm.stop, Trigger.Request())
    bench.wait(reply.done, 'go_to_start')
    assert not reply.result().success
    assert 'stopped' in reply.result().message


def test_a_restarted_simulation_is_met_by_a_hold(sleeping_bench):
    bench = sleeping_bench
    bench.start()
    bench.arm.sim_time_s = 500.0
    bench.arm.publish_state()
    bench.arm.servos.registers['Profile_Velocity'] = [0] * 7
    bench.wait(
        lambda: bench.arm.servos.registers['Profile_Velocity'] == [200] * 7, 'the profile again'
    )
    executed = bench.answer((0.30, 0.0, 0.16))
    assert 'call go_to_start' in executed.reason
    assert bench.call(bench.arm.go_to_start, GoToStart.Request()).success
    assert not bench.answer((0.30, 0.0, 0.16)).limited


def test_an_overload_is_named_and_the_next_start_recovers_from_the_rest_pose(sleeping_bench):
    bench = sleeping_bench
    bench.start()
    bench.arm.servos.overload('wrist_rotate')
    assert bench.diagnosis('wrist_rotate: overload').level == b'\x02'
    assert 'wrist_rotate: overload' in bench.answer((0.30, 0.0, 0.16)).reason
    bench.arm.groups.clear()
    assert bench.call(bench.arm.go_to_start, GoToStart.Request()).success
    way = np.array([list(message.cmd) for message in bench.arm.groups])
    assert np.min(np.abs(way[:, 1] + 1.80)) < 1e-3, 'the arm was not led to its rest pose'
    assert 'reboot_motors' in bench.arm.servos.services()
    assert bench.arm.servos.registers['Profile_Velocity'] == [200] * 7
    assert not bench.answer((0.30, 0.0, 0.16)).limited


def test_a_hot_servo_and_a_lost_camera_hold(bench):
    bench.start()
    frame = CameraInfo()
    frame.header.stamp = bench.arm.now()
    bench.arm.frames.publish(frame)
    bench.arm.episodes.publish(EpisodeStatus(state=EpisodeStatus.RUNNING, episode_id='e1'))
    bench.diagnosis('camera frame is')
    assert 'check the camera' in bench.answer((0.30, 0.0, 0.16)).reason
    bench.arm.servos.registers['Present_Temperature'][1] = 72
    assert bench.diagnosis('shoulder is 72 degC').level == b'\x02'


def test_an_operator_who_supports_the_arm_recovers_what_is_no_overload(bench):
    bench.start()
    bench.arm.servos.registers['Hardware_Error_Status'][1] = 4
    bench.arm.servos.registers['Torque_Enable'][1] = 0
    bench.diagnosis('shoulder: overheating')
    assert 'overheating' in bench.call(bench.arm.go_to_start, GoToStart.Request()).message
    assert bench.call(bench.arm.recover, Trigger.Request()).success
    bench.diagnosis('call go_to_start')


def test_park_leads_to_the_rest_pose_and_holds_there(sleeping_bench):
    bench = sleeping_bench
    bench.start()
    reply = bench.call(bench.arm.park, Trigger.Request())
    assert reply.success, reply.message
    assert bench.arm.joints == pytest.approx(SLEEP, abs=1e-6)
    assert 'torque_enable' not in bench.arm.servos.services()
    assert 'call go_to_start' in bench.answer((0.30, 0.0, 0.16)).reason


def test_an_arm_with_other_joints_is_named_instead_of_ending_the_process(ros_domain, task_file,
                                                                         backend):  # fmt: skip
    bench = Bench(task_file, SLEEP, 0.02)
    try:
        bench.arm.servos.joint_count = 5
        words = 'it gave up' if backend != 'direct' else 'group arm has 5 joints'
        bench.diagnosis(words)
    finally:
        bench.close()


def test_nothing_blocks_while_the_arm_is_absent(ros_domain, task_file, backend):
    driver = DriverNode(
        namespace='wx250s', parameter_overrides=[Parameter('task_file', value=str(task_file))]
    )
    watcher = rclpy.create_node('watcher')
    heard = []
    watcher.create_subscription(DiagnosticArray, '/diagnostics', heard.append, 10)
    executor = SingleThreadedExecutor()
    executor.add_node(driver)
    executor.add_node(watcher)
    end_s = time.monotonic() + LIMIT_S
    while not heard and time.monotonic() < end_s:
        executor.spin_once(timeout_sec=0.05)
    executor.shutdown()
    driver.destroy_node()
    watcher.destroy_node()
    assert 'no joint_states yet' in heard[0].status[0].message


@pytest.mark.parametrize('watched', [True, False])
def test_effort_is_watched_unless_switched_off(ros_domain, task_file, shell, watched):
    start = shell.start_command
    bench = Bench(task_file, start.joint_positions, start.finger_m, watch_effort=watched)
    bench.start()
    bench.arm.effort = 5000.0
    end_s = time.monotonic() + 3.0
    bench.wait(lambda: time.monotonic() > end_s, 'longer than the effort window')
    bench.arm.diagnostics.clear()
    bench.wait(lambda: bench.arm.diagnostics, 'diagnostics')
    said = bench.arm.diagnostics[-1].status[0].message
    assert ('pushes with 5000' in said) == watched
    bench.close()
