# SPDX-License-Identifier: Apache-2.0
"""The real policy node against a fake station in lock-step, over real DDS."""

import dataclasses
import re
import subprocess
import time

from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
import numpy as np
import pytest
import rclpy
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, qos_profile_sensor_data, QoSProfile
from rclpy.task import Future
from sensor_msgs.msg import Image, JointState
from std_srvs.srv import SetBool, Trigger
from visualization_msgs.msg import MarkerArray

from parl_msgs.action import RunEpisode
from parl_msgs.msg import Artifact, EndEffectorTarget, EpisodeStatus, ObjectPositions, Reward
from parl_msgs.srv import Act, GoToStart, LabelEpisode, Reset
from parl_policy import message_conversion as convert
from parl_policy.action_optimisation import ActionOptimisationConfig
from parl_policy.action_space import Target
from parl_policy.critic import CriticConfig
from parl_policy.episode_file import read_episode, read_frames
from parl_policy.observation import ObservationLayout, R_DOWN
from parl_policy.policy import ActionSpec
from parl_policy.policy_classes import ActorConfig, version_to_bytes
from parl_policy.policy_node import PolicyNode
from parl_policy.resnet_encoder import ImageConfig

LIMIT_S = 10.0
PERIOD_S = 0.2
LATCHED = QoSProfile(depth=20, durability=DurabilityPolicy.TRANSIENT_LOCAL)
START = Target(np.array([0.28, 0.02, 0.18]), R_DOWN, 1.0)
OBJECTS = ('cup', 'rack')
LAYOUT = ObservationLayout(object_names=OBJECTS)
PIXELS = ObservationLayout(object_names=OBJECTS, image_size=(8, 12))


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
        self.executed_share = 1.0  # of the translation that was asked for
        self.stale_verdict_of = ''
        self.freezes_after = None  # targets after which nothing is published any more
        self.silent = set()  # topics
        self.cup = (0.28, -0.10, 0.0)
        self.finger = 0.037
        self.encoding = 'rgb8'
        self.reset_message = self.start_message = ''  # why they fail
        self._joints = self.create_publisher(JointState, 'joint_states', 10)
        self._objects = self.create_publisher(ObjectPositions, 'object_positions', 10)
        self._reward = self.create_publisher(Reward, 'reward', 10)
        self._executed = self.create_publisher(EndEffectorTarget, 'executed_target', 10)
        self._image = self.create_publisher(Image, 'camera/color/image_raw', 2)
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
            self._publish('objects', self._objects, self._object_positions())
            if self.stale_verdict_of:
                self._publish('reward', self._reward, self._verdict(2, self.stale_verdict_of))
            is_done = self.success_after is not None and self.steps >= self.success_after
            verdict = self._verdict(2 if is_done else 1, self.episode_id)
            self._publish('reward', self._reward, verdict)

    def _publish(self, name, publisher, message):
        if name not in self.silent:
            message.header.stamp = convert.stamp(self.time_s)
            publisher.publish(message)

    def _joint_state(self):
        return JointState(name=['left_finger'], position=[self.finger])

    def _frame(self):
        shade = min(self.steps, 255)
        return Image(height=4, width=6, encoding=self.encoding, step=18, data=bytes([shade] * 72))

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
        return response

    def _on_go_to_start(self, request, response):
        response.success, response.message = not self.start_message, self.start_message
        response.target = self._target_message(START)
        return response


def put_version(store, version, layout=LAYOUT):
    """Store a tiny untrained policy and critic; gives the policy's name."""
    image = None
    if layout.image_size is not None:
        image = ImageConfig(shape=(3, *layout.image_size), widths=(4,))
    config = ActorConfig(
        policy_class='diffusion',
        policy={'hidden': 16, 'blocks': 1, 'image': image and dataclasses.asdict(image)},
        critic=CriticConfig(members=2, hidden=(16,), bins=16, image=image),
        optimisation=ActionOptimisationConfig(samples=8, particles=4, gradient_steps=2),
        choice='argmax',
        observation_names=tuple(layout.names),
        action_spec=ActionSpec(horizon=1, dim=7, binary=(6,)),
    )
    for kind, module in (('critic', config.make_critic()), ('policy', config.make_policy())):
        content = version_to_bytes(config, module, kind, version)
        record = store.put(kind, version, content, 'safetensors')
    return record.name


class Bench:
    """Policy node, fake station and a client on one executor."""

    def __init__(self, folder, reset_timeout_s=1.0, target_delay_s=0.0):
        task_file = folder / 'task.yaml'
        task_file.write_text('{robot: wx250s, control_rate_hz: 5.0}', encoding='utf-8')
        self.policy = PolicyNode(
            parameter_overrides=[
                Parameter('task_file', value=str(task_file)),
                Parameter('data_folder', value=str(folder / 'data')),
                Parameter('reset_timeout_s', value=reset_timeout_s),
                Parameter('target_delay_s', value=target_delay_s),
            ]
        )
        self.policy.link.INPUT_TIMEOUT_S = 1.0
        self.policy.link.SERVICE_TIMEOUT_S = 1.0
        self.policy.link.VERSION_TIMEOUT_S = 0.5
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

    def episode(self, result):
        return read_episode(self.store.path(result.file.name))

    def close(self):
        self._executor.shutdown()
        for node in (self.client, self.station, self.policy):
            node.destroy_node()


@pytest.fixture
def bench(ros_domain, tmp_path):
    bench = Bench(tmp_path)
    bench.version = put_version(bench.store, 1)
    yield bench
    bench.close()


def test_success_is_recorded_as_it_was_played(bench):
    bench.station.success_after = 3
    result = bench.play(max_steps=10)
    assert (result.success, result.outcome, result.reason) == (True, EpisodeStatus.SUCCESS, '')
    assert (result.steps, result.episode_return) == (3, -2.0)
    episode = bench.episode(result)
    assert (episode.episode_id, episode.purpose, episode.outcome) == ('e1', 'practice', 'success')
    assert episode.verdicts.tolist() == [1, 1, 1, 2]
    assert episode.terminated.tolist() == [False, False, True]
    np.testing.assert_allclose(np.diff(episode.stamps_s), PERIOD_S, atol=1e-6)
    assert list(episode.policy_versions) == [bench.version] * 3 + ['']
    assert episode.metadata['seed'] == 7
    assert tuple(episode.observation_names) == tuple(LAYOUT.names)
    assert bench.station.seeds == [7]
    assert [target.step for target in bench.station.targets] == [0, 1, 2]
    assert {target.header.frame_id for target in bench.station.targets} == {'wx250s/base_link'}
    bench.wait(lambda: len(bench.feedback) == 3 and bench.statuses[-1].outcome)
    assert [feedback.step for feedback in bench.feedback] == [0, 1, 2]
    assert all(np.isfinite(f.mean_q) and f.decision_ms > 0 for f in bench.feedback)
    states = [status.state for status in bench.statuses]
    assert states[-3:] == [
        EpisodeStatus.RESETTING,
        EpisodeStatus.RUNNING,
        EpisodeStatus.FINISHED,
    ]
    bench.wait(lambda: result.file.name in [artifact.name for artifact in bench.artifacts])
    bench.store.verify(result.file.name, convert.to_record(result.file))


def test_targets_leave_a_fixed_time_after_their_step_began(ros_domain, tmp_path):
    bench = Bench(tmp_path, target_delay_s=0.05)
    bench.version = put_version(bench.store, 1)
    handle = bench.send(max_steps=2)
    bench.wait(lambda: bench.statuses[-1].state == EpisodeStatus.RUNNING)
    for step in range(2):
        end = time.monotonic() + LIMIT_S
        while len(bench.station.targets) == step and time.monotonic() < end:
            bench.station.time_s += 0.01
            bench.station.publish()
            bench.spin_for(0.05)
        began_s = convert.seconds(bench.station.targets[step].header.stamp)
        left_s = bench.station.time_s - PERIOD_S  # the fake's time goes on with each target
        assert left_s - began_s >= 0.05 - 1e-6
    assert bench.result_of(handle).result.steps == 2
    bench.close()


def test_time_out_bootstraps(bench):
    result = bench.play(max_steps=4)
    assert (result.success, result.outcome) == (False, EpisodeStatus.TIMEOUT)
    episode = bench.episode(result)
    assert episode.rewards.tolist() == [-1.0] * 4
    assert episode.truncated.tolist() == [False] * 3 + [True]


def test_evaluation_keeps_frames_and_practice_does_not(bench):
    practice = bench.play(purpose='practice', max_steps=2)
    evaluation = bench.play(episode_id='e2', purpose='evaluation', max_steps=2)
    assert len(read_frames(bench.store.path(evaluation.file.name))) == 3
    assert not read_frames(bench.store.path(practice.file.name))


def test_a_policy_may_see_pixels(bench):
    put_version(bench.store, 2, PIXELS)
    episode = bench.episode(bench.play(image_size=PIXELS.image_size, max_steps=3))
    assert tuple(episode.observation_names) == tuple(PIXELS.names)
    np.testing.assert_array_equal(
        episode.observations[:, :288], np.arange(4)[:, None] * np.ones(288)
    )


@pytest.mark.parametrize(
    ('fault', 'reason'),
    [
        ({'silent': {'image'}}, 'camera/color/image_raw: no frame of 1000.'),
        ({'encoding': 'yuv422'}, 'camera/color/image_raw: no frame of 1000.'),
    ],
)
def test_pixels_that_do_not_come_are_named(bench, fault, reason):
    put_version(bench.store, 2, PIXELS)
    for name, value in fault.items():
        setattr(bench.station, name, value)
    result = bench.play(image_size=PIXELS.image_size)
    assert result.outcome == EpisodeStatus.ABORTED
    assert reason in result.reason


def test_a_policy_is_not_given_what_it_was_not_trained_on(bench):
    result = bench.play(image_size=PIXELS.image_size)
    assert result.outcome == EpisodeStatus.ABORTED
    assert f'{bench.version} was trained on' in result.reason
    assert 'image[3,8,12]' in result.reason
    assert not bench.station.targets


def test_executed_action_is_stored_and_built_upon(bench):
    bench.station.executed_share = 0.5
    episode = bench.episode(bench.play(max_steps=3))
    expected = episode.proposed_actions.copy()
    expected[:, :3] *= 0.5
    np.testing.assert_allclose(episode.actions, expected, atol=1e-5)
    assert np.abs(episode.proposed_actions[:, :3]).max() > 0.01
    standing = START.position
    for target, proposed in zip(bench.station.targets, episode.proposed_actions, strict=True):
        asked = convert.to_target(target).position
        np.testing.assert_allclose(asked, standing + 0.05 * proposed[:3], atol=1e-6)
        standing = standing + 0.5 * (asked - standing)


def test_same_seed_same_actions(bench):
    first = bench.episode(bench.play(seed=3))
    again = bench.episode(bench.play(episode_id='e2', seed=3))
    other = bench.episode(bench.play(episode_id='e3', seed=4))
    np.testing.assert_array_equal(first.proposed_actions, again.proposed_actions)
    assert not np.array_equal(first.proposed_actions, other.proposed_actions)


@pytest.mark.parametrize(
    ('fault', 'words'),
    [
        ({'silent': {'objects', 'reward', 'image'}}, 'object_positions: nothing new'),
        ({'silent': {'joints'}}, 'joint_states: nothing new'),
        ({'silent': {'reward'}}, 'reward: none yet for the newest frame'),
        ({'silent': {'executed'}}, 'executed_target: none for step 2; is the driver running'),
        ({'freezes_after': 3}, 'time stands at'),
        ({'cup': (float('nan'), 0.0, 0.0)}, 'not finite in cup_from_ee_asinh_x'),
        ({'finger': float('nan')}, 'not finite in gripper_opening'),
        ({'finger': -np.pi}, 'not finite in gripper_opening'),
        ({'arm_fault': 'servo fault: elbow'}, 'the arm holds: servo fault: elbow'),
    ],
)
def test_bad_input_aborts_with_its_name_and_keeps_what_was_recorded(bench, fault, words):
    handle = bench.send(max_steps=20)
    bench.wait(lambda: bench.station.steps >= 2)
    for name, value in fault.items():
        setattr(bench.station, name, value)
    answer = bench.result_of(handle)
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert answer.result.outcome == EpisodeStatus.ABORTED
    assert words in answer.result.reason
    episode = bench.episode(answer.result)
    assert (episode.outcome, episode.metadata['reason']) == ('aborted', answer.result.reason)
    assert len(episode) >= 1


def test_what_an_episode_waits_for_is_on_diagnostics(bench):
    reports = []
    bench.client.create_subscription(DiagnosticArray, '/diagnostics', reports.append, 10)

    def has_said(words):
        return any(words in report.status[0].message for report in reports)

    bench.wait(lambda: has_said('no episode is running'))
    bench.policy.link.INPUT_TIMEOUT_S = 30.0
    handle = bench.send(max_steps=20)
    bench.wait(lambda: bench.station.steps >= 2)
    bench.station.silent = {'objects', 'reward', 'image'}
    bench.wait(lambda: has_said('s: object_positions: nothing new; are camera and reward'))
    assert reports[-1].status[0].level == DiagnosticStatus.WARN
    cancelled = handle.cancel_goal_async()
    bench.wait(cancelled.done)
    bench.result_of(handle)


@pytest.mark.parametrize(
    ('fault', 'words'),
    [
        ({'reset_message': 'the cup is under the table'}, 'reset failed: the cup is under'),
        ({'start_message': 'shoulder stalls'}, 'go_to_start failed: shoulder stalls'),
        ({'success_after': 0}, 'sees the task done before the first step'),
        ({'silent': {'joints', 'objects', 'reward', 'image'}}, 'nothing new|time stands at'),
    ],
)
def test_bad_start_aborts_without_a_file_and_the_next_episode_is_fine(bench, fault, words):
    before = {name: getattr(bench.station, name) for name in fault}
    for name, value in fault.items():
        setattr(bench.station, name, value)
    result = bench.play()
    assert result.outcome == EpisodeStatus.ABORTED
    assert re.search(words, result.reason)
    assert not result.file.name
    assert not bench.station.targets
    for name, value in before.items():
        setattr(bench.station, name, value)
    assert bench.play(episode_id='e2').outcome == EpisodeStatus.TIMEOUT


def test_missing_and_silent_services_are_named(bench):
    bench.station.destroy_service(bench.station.reset_service)
    assert 'service reset does not exist; is its node running?' in bench.play().reason

    async def never(request, response):
        await Future()

    bench.station.create_service(Reset, 'reset', never)
    assert 'service reset does not answer' in bench.play().reason


def test_service_that_goes_away_is_not_waited_for(ros_domain, tmp_path):
    bench = Bench(tmp_path, reset_timeout_s=600.0)
    asked = []

    async def never(request, response):
        asked.append(request)
        await Future()

    try:
        put_version(bench.store, 1)
        bench.station.destroy_service(bench.station.reset_service)
        service = bench.station.create_service(Reset, 'reset', never)
        handle = bench.send()
        bench.wait(lambda: asked)
        bench.station.destroy_service(service)
        reason = bench.result_of(handle).result.reason
        assert reason == 'service reset went away before it answered'
    finally:
        bench.close()


def test_missing_version_is_named(bench):
    reason = bench.play(policy_version=5).reason
    assert 'policy version 5 is not in' in reason
    assert 'learner' in reason


def test_verdict_of_an_older_episode_is_ignored(bench):
    bench.station.stale_verdict_of = 'e0'
    result = bench.play(max_steps=3)
    assert result.outcome == EpisodeStatus.TIMEOUT
    assert bench.episode(result).verdicts.tolist() == [1] * 4


def test_versions_change_only_between_episodes(bench):
    handle = bench.send(policy_version=0, max_steps=6)
    bench.wait(lambda: bench.station.steps >= 2)
    newer = put_version(bench.store, 2)
    first = bench.episode(bench.result_of(handle).result)
    assert list(first.policy_versions) == [bench.version] * 6 + ['']
    second = bench.episode(bench.play(episode_id='e2', policy_version=0))
    assert set(second.policy_versions) == {newer, ''}
    third = bench.episode(bench.play(episode_id='e3', policy_version=1))
    assert set(third.policy_versions) == {bench.version, ''}


def test_bare_policy_needs_no_critic(bench):
    for record in bench.store.list('critic'):
        bench.store.path(record.name).unlink()
    result = bench.play(optimise=False, max_steps=2)
    assert result.outcome == EpisodeStatus.TIMEOUT
    bench.wait(lambda: len(bench.feedback) == 2)
    assert np.isnan([feedback.mean_q for feedback in bench.feedback]).all()
    assert 'critic version 1' in bench.play(episode_id='e2', optimise=True).reason


def test_second_goal_and_senseless_goals_are_rejected(bench):
    handle = bench.send(max_steps=10)
    assert not bench.send(episode_id='e2').accepted
    assert bench.result_of(handle).result.outcome == EpisodeStatus.TIMEOUT
    assert not bench.send(episode_id='').accepted
    assert not bench.send(max_steps=0).accepted
    assert not bench.send(image_size=[64]).accepted
    assert not bench.send(image_size=[64, 0]).accepted
    assert bench.send(episode_id='e2').accepted


def test_cancel_ends_an_episode_that_waits(bench):
    bench.policy.link.INPUT_TIMEOUT_S = 30.0
    bench.station.freezes_after = 2
    handle = bench.send(max_steps=10)
    bench.wait(lambda: bench.station.steps >= 2)
    cancelled = handle.cancel_goal_async()
    bench.wait(cancelled.done)
    answer = bench.result_of(handle)
    assert answer.status == GoalStatus.STATUS_CANCELED
    assert answer.result.outcome == EpisodeStatus.ABORTED
    assert 'cancelled' in answer.result.reason
    bench.station.freezes_after = None
    assert bench.play(episode_id='e2').outcome == EpisodeStatus.TIMEOUT


@pytest.mark.parametrize(
    ('label', 'outcome', 'reward'),
    [
        (LabelEpisode.Request.SUCCESS, 'success', 0.0),
        (LabelEpisode.Request.FAILURE, 'failed', -1.0),
        (LabelEpisode.Request.DISCARD, 'discarded', -1.0),
    ],
)
def test_operator_overrules_the_detector(bench, label, outcome, reward):
    bench.policy.link.INPUT_TIMEOUT_S = 30.0
    bench.station.freezes_after = 2
    bench.station.success_after = 2 if outcome != 'success' else None
    handle = bench.send(max_steps=10)
    bench.wait(lambda: bench.station.steps >= 2)
    assert bench.call(LabelEpisode, 'label_episode', label=label).success
    bench.station.freezes_after = None
    episode = bench.episode(bench.result_of(handle).result)
    assert episode.outcome == outcome
    assert episode.rewards.tolist() == [-1.0, reward]


def test_label_without_an_episode_or_meaning_is_refused(bench):
    success = LabelEpisode.Request.SUCCESS
    assert 'no episode' in bench.call(LabelEpisode, 'label_episode', label=success).message
    assert 'label 9 is unknown' in bench.call(LabelEpisode, 'label_episode', label=9).message


def test_pause_sends_no_targets_until_resume(bench):
    handle = bench.send(max_steps=60)
    bench.wait(lambda: bench.station.steps >= 1)
    assert bench.call(Trigger, 'policy/pause').success
    bench.wait(lambda: len(bench.feedback) == bench.station.steps)  # what was under way
    steps = bench.station.steps
    bench.spin_for(bench.policy.link.INPUT_TIMEOUT_S + 0.5)
    assert bench.station.steps == steps < 60
    assert bench.call(Trigger, 'policy/resume').success
    assert bench.result_of(handle).result.outcome == EpisodeStatus.TIMEOUT
    assert bench.station.steps == 60


def test_operator_takes_over_and_gives_back(bench):
    def act(request, response):
        response.success, response.actions = True, [0.5, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0]
        if request.step == 4:
            bench.station.freezes_after = 5  # so that what is asked for now holds from step 5
        return response

    bench.policy.link.INPUT_TIMEOUT_S = 30.0
    bench.station.create_service(Act, 'operator/act', act)
    bench.station.freezes_after = 2
    handle = bench.send(max_steps=8)
    bench.wait(lambda: bench.station.steps == 2)
    answer = bench.call(SetBool, 'policy/take_over', data=True)
    assert (answer.success, answer.message) == (True, 'the operator acts')
    bench.station.freezes_after = None
    bench.wait(lambda: bench.station.steps == 5)
    assert bench.call(SetBool, 'policy/take_over', data=False).success
    bench.station.freezes_after = None
    episode = bench.episode(bench.result_of(handle).result)
    assert episode.interventions.tolist() == [False] * 2 + [True] * 3 + [False] * 3
    assert list(episode.policy_versions) == [bench.version] * 2 + [''] * 3 + [
        bench.version
    ] * 3 + ['']
    np.testing.assert_allclose(episode.actions[2:5, 0], 0.5, atol=1e-5)
    versions = [target.policy_version for target in bench.station.targets]
    assert versions == list(episode.policy_versions)[:-1]


def test_take_over_lasts_one_episode_of_a_policy_that_is_not_judged(bench):
    def act(request, response):
        response.success, response.actions = True, [0.0] * 7
        return response

    def take_over_in(**fields):
        bench.station.freezes_after = 1
        handle = bench.send(max_steps=3, **fields)
        bench.wait(lambda: bench.station.steps == 1 and bench.policy._player is not None)
        message = bench.call(SetBool, 'policy/take_over', data=True).message
        bench.station.freezes_after = None
        return message, bench.episode(bench.result_of(handle).result).interventions.tolist()

    bench.policy.link.INPUT_TIMEOUT_S = 30.0
    bench.station.create_service(Act, 'operator/act', act)
    assert 'no episode' in bench.call(SetBool, 'policy/take_over', data=True).message
    assert take_over_in() == ('the operator acts', [False, True, True])
    assert not bench.episode(bench.play(episode_id='e2')).interventions.any()
    message, interventions = take_over_in(episode_id='e3', purpose='evaluation')
    assert 'evaluation measures the policy alone' in message
    assert interventions == [False] * 3
    message, interventions = take_over_in(episode_id='e4', actor='operator/act')
    assert 'operator/act acts in this episode' in message
    assert interventions == [False] * 3


def test_reset_that_takes_long_shows_signs_of_life(ros_domain, tmp_path, monkeypatch):
    monkeypatch.setattr(PolicyNode, 'SIGN_OF_LIFE_S', 0.1)
    bench = Bench(tmp_path)

    async def never(request, response):
        await Future()

    try:
        bench.station.destroy_service(bench.station.reset_service)
        bench.station.create_service(Reset, 'reset', never)
        put_version(bench.store, 1)
        assert 'service reset does not answer' in bench.play().reason
        states = [status.state for status in bench.statuses]
        assert states.count(EpisodeStatus.RESETTING) > 3
    finally:
        bench.close()


def test_candidates_are_shown_to_who_looks(bench):
    markers = []
    bench.client.create_subscription(
        MarkerArray, 'candidates', markers.append, qos_profile_sensor_data
    )
    bench.wait(lambda: bench.policy.count_subscribers('candidates') == 1)
    bench.play(max_steps=6)
    bench.wait(lambda: markers)
    candidates, chosen = markers[-1].markers
    assert len(candidates.points) == len(candidates.colors) == 4
    distances = [abs(p.x - chosen.pose.position.x) for p in candidates.points]
    assert min(distances) < 1e-9
    assert candidates.header.frame_id == 'wx250s/base_link'


def test_actor_service_stands_in_for_the_policy(bench):
    requests = []

    def act(request, response):
        requests.append(request)
        response.success = len(requests) < 6
        response.message = '' if response.success else 'the operator let go'
        response.actions = [0.2, -0.2, 0.0, 0.0, 0.0, 0.0, 1.0]
        return response

    name = 'demonstrator/act'
    assert 'service demonstrator/act does not exist' in bench.play(actor=name).reason
    bench.station.create_service(Act, name, act)
    result = bench.play(episode_id='e2', actor=name, purpose='demonstration', max_steps=3)
    episode = bench.episode(result)
    assert set(episode.policy_versions) == {''}
    assert episode.metadata['actor'] == name
    np.testing.assert_allclose(episode.actions[:, :2], [[0.2, -0.2]] * 3, atol=1e-5)
    assert [request.step for request in requests] == [0, 1, 2]
    assert requests[0].objects.names == list(OBJECTS)
    assert requests[0].gripper_opening == 1.0
    assert len(requests[0].observation) == len(LAYOUT.names)
    reason = bench.play(episode_id='e3', actor=name, max_steps=9).reason
    assert 'demonstrator/act: the operator let go' in reason


def test_action_of_a_wrong_shape_is_named(bench):
    def act(request, response):
        response.success, response.actions = True, [0.0] * 6
        return response

    bench.station.create_service(Act, 'demonstrator/act', act)
    assert 'action has shape (6,), expected (7,)' in bench.play(actor='demonstrator/act').reason


def test_full_disk_aborts_the_episode_and_the_node_lives(bench):
    folder = str(bench.store.folder)
    put = ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]
    try:
        mounted = subprocess.run(put, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip('no mount command')
    if mounted.returncode != 0:
        pytest.skip(f'may not mount a tiny disk here: {mounted.stderr.strip()}')
    try:
        put_version(bench.store, 1)
        ballast = bench.store.folder / 'ballast'
        with pytest.raises(OSError, match='No space left'), ballast.open('wb') as file:
            file.write(bytes(2 << 20))
        result = bench.play()
        assert result.outcome == EpisodeStatus.ABORTED
        assert 'e1 is not stored' in result.reason
        assert 'No space left' in result.reason
        assert not result.file.name
        ballast.unlink()
        assert bench.episode(bench.play()).outcome == 'timeout'
    finally:
        subprocess.run(['umount', folder], check=True)


def test_stored_episodes_are_announced_again_after_a_restart(ros_domain, tmp_path):
    bench = Bench(tmp_path)
    put_version(bench.store, 1)
    name = bench.play().file.name
    bench.close()
    again = Bench(tmp_path)
    try:
        again.wait(lambda: name in [artifact.name for artifact in again.artifacts])
    finally:
        again.close()
