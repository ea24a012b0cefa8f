# SPDX-License-Identifier: Apache-2.0
"""The real policy node against a fake station in lock-step, over real DDS."""

import dataclasses
import time

import numpy as np
import rclpy
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image, JointState

from parl_files.episode_file import read_episode
from parl_msgs.action import RunEpisode
from parl_msgs.msg import (
    Artifact,
    EndEffectorTarget,
    EpisodeStatus,
    ObjectPositions,
    PictureFormat,
    Reward,
)
from parl_msgs.srv import GoToStart, Reset
from parl_node.message_conversion import stamp
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor_file import ActorConfig, version_to_bytes
from parl_policy.critics.critic import CriticConfig
from parl_policy.episode.action_space import Target
from parl_policy.episode.observation import ObservationLayout, R_DOWN
from parl_policy.networks.observation_encoder import VisionConfig
from parl_policy.networks.picture_encoder import EncoderConfig
from parl_policy.observations import PictureConfig
from parl_policy.policy import ActionSpec
from parl_policy.ros import message_conversion as convert
from parl_policy.ros.policy_node import PolicyNode

LIMIT_S = 100.0  # only a hang lasts so long
IMPATIENT_S = 0.4
PERIOD_S = 0.2
LATCHED = QoSProfile(depth=20, durability=DurabilityPolicy.TRANSIENT_LOCAL)
START = Target(np.array([0.28, 0.02, 0.18]), R_DOWN, 1.0)
OBJECTS = ('cup', 'rack')
LAYOUT = ObservationLayout(object_names=OBJECTS)
CAMERAS = {'camera': (16, 24), 'wrist_camera': (16, 16)}
SEEING = ObservationLayout(object_names=OBJECTS, cameras=CAMERAS)
PICTURES = [
    PictureFormat(camera=camera, height=height, width=width)
    for camera, (height, width) in CAMERAS.items()
]


class FakeStation(Node):
    """Arm, camera, detector and driver in one; its time goes on with each target."""

    def __init__(self):
        super().__init__('fake_station')
        self.time_s = 1000.0
        self.steps = 0
        self.episode_id = ''
        self.standing = START
        self.targets, self.seeds = [], []
        self.success_after = None  # targets; None: never
        self.arm_fault = ''  # why the driver takes no target
        self.did_not_follow = False  # the kind of that fault
        self.executed_share = 1.0  # of the translation that was asked for
        self.stale_verdict_of = ''
        self.freezes_after = None  # targets after which nothing is published any more
        self.silent = set()  # topics
        self.camera_s = None  # the stamp that a camera that hangs repeats
        self.camera_lag_s = 0.0  # age of a frame when it comes
        self.cup = (0.28, -0.10, 0.0)
        self.finger = 0.037
        self.encoding = 'rgb8'
        self.reset_message = self.start_message = ''  # why they fail
        self._joints = self.create_publisher(JointState, 'joint_states', 10)
        self._objects = self.create_publisher(ObjectPositions, 'object_positions', 10)
        self._reward = self.create_publisher(Reward, 'reward', 10)
        self._executed = self.create_publisher(EndEffectorTarget, 'executed_target', 10)
        self._image = self.create_publisher(Image, 'camera/color/image_raw', 2)
        self._wrist = self.create_publisher(Image, 'wrist_camera/color/image_raw', 2)
        self.create_subscription(EndEffectorTarget, 'target', self._on_target, 1)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(EpisodeStatus, 'episode', self._on_episode, latched)
        self.reset_service = self.create_service(Reset, 'reset', self._on_reset)
        self.create_service(GoToStart, 'go_to_start', self._on_go_to_start)
        self.create_timer(0.3, self.publish)

    @property
    def is_frozen(self):
        return self.freezes_after is not None and self.steps >= self.freezes_after

    def publish(self):
        """Everything there is to see at this control boundary."""
        if not self.is_frozen:
            self._publish('joints', self._joints, self._joint_state())
            self._publish('image', self._image, self._frame())
            self._publish('wrist', self._wrist, self._frame())
            self._publish('objects', self._objects, self._object_positions())
            if self.stale_verdict_of:
                self._publish('reward', self._reward, self._verdict(2, self.stale_verdict_of))
            is_done = self.success_after is not None and self.steps >= self.success_after
            verdict = self._verdict(2 if is_done else 1, self.episode_id)
            self._publish('reward', self._reward, verdict)

    def _publish(self, name, publisher, message):
        if name not in self.silent:
            of_camera = name in ('image', 'wrist', 'objects', 'reward')
            is_stuck = self.camera_s is not None and of_camera
            lag_s = self.camera_lag_s if of_camera else 0.0
            message.header.stamp = stamp(self.camera_s if is_stuck else self.time_s - lag_s)
            publisher.publish(message)

    def _joint_state(self):
        return JointState(name=['left_finger'], position=[self.finger])

    def _frame(self):
        shade = min(self.steps, 255)
        height, width = 32, 48
        data = bytes([shade] * height * width * 3)
        return Image(height=height, width=width, encoding=self.encoding, step=3 * width, data=data)

    def _object_positions(self):
        positions = [convert.to_point(np.array(p)) for p in (self.cup, (0.28, 0.16, 0.0))]
        return ObjectPositions(names=list(OBJECTS), positions=positions, visible=[True, True])

    def _verdict(self, verdict, episode_id):
        return Reward(verdict=verdict, episode_id=episode_id)

    def _on_target(self, message):
        self.targets.append(message)
        asked = convert.to_target(message)
        moved = self.standing.position + self.executed_share * (
            asked.position - self.standing.position
        )
        self.standing = Target(moved, asked.rotation, asked.gripper)
        answer = self._target_message(self.standing)
        answer.episode_id, answer.step = message.episode_id, message.step
        answer.arm_fault, answer.reason = bool(self.arm_fault), self.arm_fault
        answer.did_not_follow = self.did_not_follow
        self._publish('executed', self._executed, answer)
        self.steps += 1
        self.time_s += PERIOD_S
        self.publish()

    def _target_message(self, target):
        return EndEffectorTarget(pose=convert.to_pose(target), gripper=target.gripper)

    def _on_episode(self, message):
        is_running = message.state == EpisodeStatus.RUNNING
        self.episode_id = message.episode_id if is_running else ''
        if is_running:
            self.publish()

    def _on_reset(self, request, response):
        self.seeds.append(request.seed)
        self.time_s += 0.5
        self.steps, self.standing = 0, START
        self.publish()
        response.success, response.message = not self.reset_message, self.reset_message
        response.stamp = stamp(self.time_s)
        return response

    def _on_go_to_start(self, request, response):
        response.success, response.message = not self.start_message, self.start_message
        response.target = self._target_message(START)
        response.target.header.stamp = stamp(self.time_s)
        return response


class Bench:
    """Policy node, fake station and a client on one executor."""

    def __init__(self, folder, reset_timeout_s=LIMIT_S, target_delay_s=0.0, use_sim_time=False):
        task_file = folder / 'task.yaml'
        task_file.write_text('{robot: wx250s, control_rate_hz: 5.0}', encoding='utf-8')
        self.policy = PolicyNode(
            parameter_overrides=[
                Parameter('task_file', value=str(task_file)),
                Parameter('data_folder', value=str(folder / 'data')),
                Parameter('reset_timeout_s', value=reset_timeout_s),
                Parameter('target_delay_s', value=target_delay_s),
                Parameter('use_sim_time', value=use_sim_time),
            ]
        )
        self.be_patient()
        self.store = self.policy.store
        self.station = FakeStation()
        self.client = rclpy.create_node('client')
        self.action = ActionClient(self.client, RunEpisode, 'run_episode')
        self.statuses, self.artifacts, self.feedback = [], [], []
        self.client.create_subscription(EpisodeStatus, 'episode', self.statuses.append, LATCHED)
        self.client.create_subscription(Artifact, 'artifact', self.artifacts.append, LATCHED)
        self._executor = SingleThreadedExecutor()
        for node in (self.policy, self.station, self.client):
            self._executor.add_node(node)
        self.wait(lambda: self.action.server_is_ready() and self.statuses)

    def be_patient(self, limit_s=LIMIT_S):
        """Wait for what is missing, as it comes late on a busy machine."""
        link = self.policy.link
        link.INPUT_TIMEOUT_S = link.SERVICE_TIMEOUT_S = link.VERSION_TIMEOUT_S = limit_s

    def lose_patience(self):
        """From now on give up soon what is missing; for a test in which something is."""
        self.be_patient(IMPATIENT_S)

    def wait(self, is_done, limit_s=LIMIT_S):
        end = time.monotonic() + limit_s
        while not is_done():
            assert time.monotonic() < end, 'waited too long'
            self._executor.spin_once(timeout_sec=0.05)

    def spin_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.05)

    def send(self, **fields):
        """Send a goal; gives the handle."""
        goal = {
            'episode_id': 'e1', 'purpose': 'practice', 'max_steps': 4, 'seed': 7,
            'optimise': True,
        }  # fmt: skip
        sent = self.action.send_goal_async(
            RunEpisode.Goal(**{**goal, **fields}),
            feedback_callback=lambda message: self.feedback.append(message.feedback),
        )
        self.wait(sent.done)
        return sent.result()

    def result_of(self, handle):
        answer = handle.get_result_async()
        self.wait(answer.done)
        return answer.result()

    def play(self, **fields):
        return self.result_of(self.send(**fields)).result

    def call(self, service, name, **fields):
        client = self.client.create_client(service, name)
        self.wait(client.service_is_ready)
        future = client.call_async(service.Request(**fields))
        self.wait(future.done)
        return future.result()

    def put_version(self, version, layout=LAYOUT, horizon=1, least_std=0.0, precision='float32'):
        """Store a tiny untrained policy and critic; gives the policy's name."""
        vision = None
        if layout.cameras:
            pictures = {camera: PictureConfig(size=(16, 16)) for camera in layout.cameras}
            vision = VisionConfig(pictures=pictures, encoder=EncoderConfig(widths=(4,)))
        config = ActorConfig(
            policy_class='diffusion',
            policy={
                'hidden': 16,
                'blocks': 1,
                'least_std': least_std,
                'vision': vision and dataclasses.asdict(vision),
            },
            critic=CriticConfig(members=2, hidden=(16,), bins=16, vision=vision),
            optimisation=ActionOptimisationConfig(
                samples=8, particles=4, gradient_steps=2, precision=precision
            ),
            choice='argmax',
            observation_names=tuple(layout.names),
            action_spec=ActionSpec(horizon, dim=7, binary=(6,)),
            cameras=layout.cameras,
        )
        for kind, module in (('critic', config.make_critic()), ('policy', config.make_policy())):
            content = version_to_bytes(config, module, kind, version)
            record = self.store.put(kind, version, content, 'safetensors')
        return record.name

    def episode(self, result):
        return read_episode(self.store.path(result.file.name))

    def close(self):
        self._executor.shutdown()
        for node in (self.client, self.station, self.policy):
            node.destroy_node()
