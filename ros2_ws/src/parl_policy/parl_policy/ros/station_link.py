# SPDX-License-Identifier: Apache-2.0
"""Connects the policy node to the topics and services of the station."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
import functools
from typing import Any, TypeAlias

import numpy as np
from rclpy.client import Client
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image, JointState
from visualization_msgs.msg import MarkerArray

from parl_files.config_file import SharedSection
from parl_files.task_file import read_task
from parl_msgs.msg import EndEffectorTarget, ObjectPositions, Reward
from parl_msgs.srv import GoToStart, Reset
from parl_node.joint_states import subscribe_to_joint_states
from parl_node.message_conversion import (
    gripper_opening,
    image_to_array,
    seconds,
    serialized_stamp_s,
    stamp,
)
from parl_node.path_parameter import path_parameter
from parl_policy.acting.actor import Decision
from parl_policy.episode.action_space import Target
from parl_policy.episode.input_gate import DETECTOR_CAMERA, InputGate
from parl_policy.episode.observation import StationState, table_in_picture
from parl_policy.ros import message_conversion as convert
from parl_policy.ros.episode_wait import EpisodeAbortError, EpisodeOwnError, EpisodeWait

ServiceResponse: TypeAlias = Any
"""Response of the service that is called."""


@dataclass(frozen=True, kw_only=True)
class _TablePoints:
    pixels: tuple[tuple[float, float], ...]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class _Camera(SharedSection):
    width: int
    height: int
    table_points: _TablePoints | None = None


@dataclass(frozen=True, kw_only=True)
class _StationTask(SharedSection):
    """The values that the policy node needs from a task file."""

    robot: str
    control_rate_hz: float
    instruction: str = ''
    camera: _Camera | None = None

    def __post_init__(self) -> None:
        if not self.control_rate_hz > 0:
            raise ValueError(f'control_rate_hz must be more than 0: {self.control_rate_hz}')


def _tables(task: _StationTask) -> dict[str, np.ndarray]:
    camera = task.camera
    if camera is None or camera.table_points is None:
        return {}
    marks, size = camera.table_points, (camera.height, camera.width)
    found = table_in_picture(np.array(marks.pixels), np.array(marks.points), size)
    return {DETECTOR_CAMERA: found}


class StationLink:
    """Collects the inputs of each control step, sends targets and calls services."""

    INPUT_TIMEOUT_S = 5.0
    """Wall time without complete inputs after which the episode is aborted [s]."""
    SERVICE_TIMEOUT_S = 30.0
    """Wall time limit for the motion to the start pose and for an actor's answer [s]."""
    VERSION_TIMEOUT_S = 60.0
    """Wall time to wait for an announced version [s]."""

    def __init__(self, node: Node) -> None:
        """Make the topics and services of `node`."""
        task_file = path_parameter(node, 'task_file')
        period = node.declare_parameter('camera_period_s', 0.07).value
        camera_period_s = float(period or 0.0)
        # Detection and decision take a varying time. If each target is sent a fixed time after its
        # step began, the arm does not notice. 0 sends at once, as lock-step needs it.
        self._target_delay_s = float(node.declare_parameter('target_delay_s', 0.0).value or 0.0)
        # A simulation is quick, but a person who puts objects back needs more time.
        timeout = node.declare_parameter('reset_timeout_s', self.SERVICE_TIMEOUT_S).value
        self._reset_timeout_s = float(timeout or 0.0)
        task = read_task(_StationTask, task_file)
        self.period_s = 1.0 / task.control_rate_hz
        self._frame_id = f'{task.robot}/base_link'
        self.gate = InputGate(camera_period_s)
        self.wait = EpisodeWait(node)
        self.is_over: Callable[[], bool] = lambda: False
        """Returns whether the operator has ended the episode by a label."""
        self.instruction = task.instruction
        """What the robot is to do."""
        self.tables = _tables(task)
        """Calibration of the detector's camera, by its name."""
        self._is_simulated = bool(node.get_parameter('use_sim_time').value)
        self._node = node
        take = node.create_subscription
        # This comes first, so that a frame is taken before the objects and verdict seen in it.
        self._cameras: set[str] = set()
        self._see(DETECTOR_CAMERA)
        subscribe_to_joint_states(node, self._on_joints)
        take(ObjectPositions, 'object_positions', self._on_objects, 10)
        take(Reward, 'reward', self._on_reward, 10)
        take(EndEffectorTarget, 'executed_target', self._on_executed, 10)
        self._target = node.create_publisher(EndEffectorTarget, 'target', 1)
        best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._candidates = node.create_publisher(MarkerArray, 'candidates', best_effort)
        self._reset = node.create_client(Reset, 'reset')
        self._go_to_start = node.create_client(GoToStart, 'go_to_start')
        self._clients: dict[str, Client] = {}

    async def reset(self, seed: int) -> tuple[Target, float]:
        """Bring scene and arm to their start.

        Returns:
            The commanded target at the start, and the time of the first control boundary [s].
        """
        await self.wait.until(
            lambda: not self.wait.is_paused or None, self.SERVICE_TIMEOUT_S, lambda: ''
        )
        answer = await self.call(self._reset, Reset.Request(seed=seed), self._reset_timeout_s)
        self._check(answer, 'reset')
        # Each answer says from when on it holds: what is still on its way must not count.
        answer = await self.call(self._go_to_start, GoToStart.Request(since=answer.stamp))
        self._check(answer, 'go_to_start')
        self.gate.begin_episode()
        return convert.to_target(answer.target), seconds(answer.target.header.stamp)

    def client(self, service: type, name: str) -> Client:
        """Return the client for an actor's service, made at the first call."""
        if name not in self._clients:
            self._clients[name] = self._node.create_client(service, name)
        return self._clients[name]

    async def first_input(self, boundary_s: float, episode_id: str) -> None:
        """Wait until the detector has seen the start of the episode."""
        await self._until_inputs(boundary_s, episode_id, 0)

    async def state(
        self, boundary_s: float, episode_id: str, steps: int, start_target: Target
    ) -> StationState:
        """Wait for the complete inputs of a control boundary."""
        await self._until_inputs(boundary_s, episode_id, steps)
        return self.gate.state(start_target)

    async def call(
        self, client: Client, request: object, timeout_s: float | None = None
    ) -> ServiceResponse:
        """Call a service and return its response.

        Args:
            client: Client of the service.
            request: The request.
            timeout_s: Wall time limit for its answer [s]; None for SERVICE_TIMEOUT_S.

        Raises:
            EpisodeAbortError: The service does not exist or does not answer.
        """
        name = client.srv_name
        await self.wait.until(
            lambda: client.service_is_ready() or None,
            self.SERVICE_TIMEOUT_S,
            lambda: f'service {name} does not exist; is its node running?',
        )
        future = client.call_async(request)
        future.add_done_callback(lambda _: self.wait.look())

        def answer() -> ServiceResponse | None:
            if not future.done() and not client.service_is_ready():
                raise EpisodeAbortError(f'service {name} went away before it answered')
            return future.result() if future.done() else None

        return await self.wait.until(
            answer,
            self.SERVICE_TIMEOUT_S if timeout_s is None else timeout_s,
            lambda: f'service {name} does not answer',
        )

    async def hold_back(self, began_s: float) -> None:
        """Wait until the target of a step that began at `began_s` [s] may be sent."""
        due_s = began_s + self._target_delay_s
        if self._target_delay_s > 0.0:
            await self.wait.until(
                lambda: self.gate.has_come(due_s) or None,
                self.INPUT_TIMEOUT_S,
                lambda: (
                    f'time stands at {self.gate.now_s:.3f} s, a target waits for {due_s:.3f} s'
                ),
                is_input=True,
            )

    def send_target(
        self, target: Target, episode_id: str, step: int, version: str, stamp_s: float
    ) -> None:
        """Publish a target for the arm."""
        message = EndEffectorTarget(
            pose=convert.to_pose(target),
            gripper=target.gripper,
            episode_id=episode_id,
            step=step,
            policy_version=version,
        )
        message.header.frame_id = self._frame_id
        message.header.stamp = stamp(stamp_s)
        self._target.publish(message)

    def show_candidates(self, decision: Decision, target: Target) -> None:
        """Publish the candidates for RViz, if anything subscribes."""
        if self._candidates.get_subscription_count():
            now = self._node.get_clock().now().to_msg()
            self._candidates.publish(convert.to_markers(decision, target, self._frame_id, now))

    def see(self, cameras: Collection[str]) -> None:
        """Set the observed cameras: a step waits for a frame of each.

        Every episode also keeps the film of the detector's camera. A simulated one is complete; a
        robot does not wait for a picture that was lost on the way.
        """
        film = {DETECTOR_CAMERA}
        self.gate.needed_cameras = frozenset(
            film | set(cameras) if self._is_simulated else cameras
        )
        self.gate.wanted_cameras = frozenset(film)
        for camera in sorted(self.gate.needed_cameras - self._cameras):
            self._see(camera)

    def origin_s(self, began_s: float) -> float:
        """Return the time that counts as 0 in the file of an episode that began then [s].

        A simulated episode begins at 0, and is the same whenever it is played.
        """
        return began_s if self._is_simulated else 0.0

    async def _until_inputs(self, boundary_s: float, episode_id: str, steps: int) -> None:
        def missing() -> str:
            return self.gate.missing(boundary_s, episode_id, steps)

        def arm_fault() -> str:
            return self.gate.arm_fault(episode_id)

        def is_due() -> bool:
            is_held = self.wait.is_paused and not self.is_over()
            return bool(arm_fault()) or not (is_held or missing())

        await self.wait.until(
            lambda: is_due() or None, self.INPUT_TIMEOUT_S, missing, is_input=True
        )
        if arm_fault():
            # A silent servo may be a busy machine; an arm that presses on something is not.
            error = EpisodeOwnError if self.gate.did_not_follow else EpisodeAbortError
            raise error(f'the arm holds: {arm_fault()}')

    def _check(self, answer: Reset.Response | GoToStart.Response, name: str) -> None:
        if not answer.success:
            raise EpisodeAbortError(f'{name} failed: {answer.message}')

    def _on_joints(self, message: JointState) -> None:
        stamp_s = seconds(message.header.stamp)
        self.gate.take_opening(stamp_s, gripper_opening(message))
        self.wait.look()

    def _on_objects(self, message: ObjectPositions) -> None:
        self.gate.take_objects(convert.to_objects(message))
        self.wait.look()

    def _on_reward(self, message: Reward) -> None:
        self.gate.take_verdict(convert.to_verdict(message))
        self.wait.look()

    def _on_executed(self, message: EndEffectorTarget) -> None:
        self.gate.take_executed(convert.to_executed(message))
        self.wait.look()

    def _see(self, camera: str) -> None:
        def take(serialized: bytes) -> None:
            @functools.cache
            def read() -> np.ndarray:
                return image_to_array(deserialize_message(serialized, Image))

            self.gate.take_frame(camera, serialized_stamp_s(serialized), read)
            self.wait.look()

        # Serialized, because not every frame is looked at.
        topic, sensor = f'{camera}/color/image_raw', qos_profile_sensor_data
        self._node.create_subscription(Image, topic, take, sensor, raw=True)
        self._cameras.add(camera)
