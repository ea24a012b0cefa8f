# SPDX-License-Identifier: Apache-2.0
"""A fake arm on real DDS, and a bench that runs the real driver node against it."""

import time

from diagnostic_msgs.msg import DiagnosticArray
from fake_servos import FakeServos
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
import numpy as np
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, JointState
from std_srvs.srv import Trigger

from parl_msgs.msg import EndEffectorTarget, EpisodeStatus
from parl_msgs.srv import GoToStart
from parl_node.executor import NodeExecutor
from parl_node.message_conversion import stamp
from widowx_description.arm import JOINT_NAMES
from widowx_driver.driver_config import DriverConfig
from widowx_driver.ros.driver_node import DriverNode
from widowx_driver.ros.message_conversion import SERVO_SERVICES

LIMIT_S = 100.0  # only a hang lasts so long
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
SLEEP = [0.0, -1.80, 1.55, 0.0, 0.8, 0.0]


class TalkativeDriver(DriverNode):
    """Reports often, so that a test which waits for words does not wait for the timer."""

    REPORT_S = 0.05


class PatientDriver(TalkativeDriver):
    """Takes no pause of this process, as on a busy machine, for a silence of the arm."""

    CONFIG = DriverConfig(max_joint_state_age_s=1.5, max_camera_age_s=1.5, max_target_age_s=10.0)


class FakeArm(Node):
    """Publishes joint_states, obeys every command at once, remembers what it heard."""

    def __init__(self, joints, finger_m, lock_step_from_s=None, namespace='wx250s'):
        super().__init__('fake_arm', namespace=namespace)
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
        return stamp(self.sim_time_s)

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
        self._obey(message.name, finger_m=message.cmd / 2)

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

    def __init__(self, task_file, joints, finger_m, lock_step_from_s=None, watch_effort=True,
                 namespace='wx250s'):  # fmt: skip
        # Lock-step time stands still with this process: there all limits are the real ones.
        is_lock_step = lock_step_from_s is not None
        self.driver = (TalkativeDriver if is_lock_step else PatientDriver)(
            namespace=namespace,
            parameter_overrides=[
                Parameter('task_file', value=str(task_file)),
                Parameter('use_sim_time', value=is_lock_step),
                Parameter('watch_effort', value=watch_effort),
            ],
        )
        self.arm = FakeArm(joints, finger_m, lock_step_from_s, namespace)
        self._executor = NodeExecutor()
        self._executor.add_node(self.driver)
        self._executor.add_node(self.arm)

    def wait(self, condition, what):
        end_s = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < end_s, f'waited {LIMIT_S} s for {what}'
            self._executor.spin_once(timeout_sec=0.05)

    def let_pass(self, duration_s):
        end_s = time.monotonic() + duration_s
        self.wait(lambda: time.monotonic() > end_s, f'{duration_s} s')

    def exchange_arm(self, silent_s):
        """The arm's driver falls silent with a request in hand, and another one is started."""
        self._executor.remove_node(self.arm)
        self.let_pass(silent_s)
        self.arm.destroy_node()
        self.arm = FakeArm(self.arm.joints, self.arm.finger_m)
        self._executor.add_node(self.arm)

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
