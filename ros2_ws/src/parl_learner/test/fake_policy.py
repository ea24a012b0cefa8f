# SPDX-License-Identifier: Apache-2.0
"""A policy node that plays every goal at once, and the experiment node that asks it."""

from collections import Counter
import json
import threading
import time

from builtin_interfaces.msg import Time
import pytest
from rclpy.action import ActionServer
from rclpy.action.server import ServerGoalHandle
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.task import Future
import yaml

from parl_files.artifact_store import ArtifactStore
from parl_files.config_file import to_mapping
from parl_files.episode_file import episode_to_bytes
from parl_learner.loop.learner import Learner
from parl_learner.plan.schedule import EpisodeStep, planned_steps
from parl_learner.ros.experiment_node import ExperimentNode
from parl_msgs.action import RunEpisode
from parl_msgs.msg import EpisodeStatus, LearnerStatus
from parl_node.artifact_node import ArtifactNode
from parl_node.message_conversion import to_artifact

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class SlowServer(ArtifactNode):
    """A node named like the policy node, over a slow link."""

    def __init__(self, folder):
        override = Parameter('data_folder', value=str(folder))
        super().__init__('policy', fetched_kinds=(), parameter_overrides=[override])
        self.answer_s = 0.0  # time that each answer takes

    def _on_read(self, request, response):
        time.sleep(self.answer_s)
        return super()._on_read(request, response)


class FakePolicy:
    """Plays every goal at once, in a thread of its own; a real learner works in between.

    With a folder for the station, what it plays reaches the learner's over the link only.
    """

    def __init__(self, config, folder, new_episode, station_folder=None):
        self.goals = []
        self.played = {}  # episode id -> result; what was played is not played again
        self.timeouts = set()  # ids of episodes that are no success
        self.aborts = Counter()  # episode id -> times it is to be aborted
        self.ends_so_again = True  # says so of an aborted episode
        self.server = ''  # one that is not there; files are not announced, but said to be there
        self.is_forgetful = False  # loses its files
        self.seed_offset = 0  # of another experiment
        self.dies_in = set()  # ids of episodes whose first attempt ends with a new start
        self.raises_in = set()  # ids of episodes whose first attempt ends without an outcome
        self._new_episode = new_episode
        self._node = SlowServer(station_folder or folder)
        self.store = self._node.store
        learner_store = ArtifactStore(folder / 'artifacts')
        self._learner = Learner(config, learner_store, lambda _: None, pytest.fail)
        self._status = self._node.create_publisher(EpisodeStatus, 'episode', LATCHED)
        self.learner_status = self._node.create_publisher(LearnerStatus, 'learner_status', 10)
        ActionServer(self._node, RunEpisode, 'run_episode', self._on_goal)
        if station_folder:  # an episode reaches the learner's host when no goal is running
            self._node.create_timer(0.1, lambda: self.learn())
        self.tell(EpisodeStatus.IDLE)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def _spin(self):
        while not self._stop.is_set():  # `spin` may be hit by a shutdown in the middle of a wait
            self._executor.spin_once(timeout_sec=0.05)

    def tell(self, state, episode_id=''):
        self._status.publish(EpisodeStatus(state=state, episode_id=episode_id))

    def answer_after(self, seconds):
        """Serve every part of a file so late."""
        self._node.answer_s = seconds

    def put(self, goal, outcome='success'):
        purpose = goal.purpose
        episode = self._new_episode(goal.episode_id, purpose, outcome, seed=goal.seed % 997)
        seed = goal.seed + self.seed_offset
        record = self.store.put('episode', seed, episode_to_bytes(episode), 'mcap')
        if self.is_forgetful:
            self.store.path(record.name).unlink()
        if self.server:
            return to_artifact(record, Time(), self.server)
        return self._node.announce(record)

    def learn(self):
        while self._learner.take_in_episodes():
            self._learner.work()

    async def _on_goal(self, handle: ServerGoalHandle):
        goal = handle.request
        self.goals.append(goal)
        if goal.episode_id in self.played:
            handle.succeed()
            return self.played[goal.episode_id]
        if goal.episode_id in self.dies_in:
            self.dies_in.remove(goal.episode_id)
            self.tell(EpisodeStatus.RUNNING, goal.episode_id)
            self.tell(EpisodeStatus.IDLE)
            await Future()
        if goal.episode_id in self.raises_in:
            self.raises_in.remove(goal.episode_id)
            self.tell(EpisodeStatus.FINISHED, goal.episode_id)
            handle.abort()
            return RunEpisode.Result()
        result = RunEpisode.Result(success=True, steps=5, outcome=EpisodeStatus.SUCCESS)
        if self.aborts[goal.episode_id] > 0:
            self.aborts[goal.episode_id] -= 1
            result.outcome, result.success = EpisodeStatus.ABORTED, False
            result.reason, result.ends_so_again = 'the camera fell down', self.ends_so_again
            result.file = self.put(goal, 'aborted')
        else:
            if goal.episode_id in self.timeouts:
                result.outcome, result.success = EpisodeStatus.TIMEOUT, False
            result.file = self.put(goal, 'success' if result.success else 'timeout')
            self.played[goal.episode_id] = result
            self.learn()
        handle.publish_feedback(RunEpisode.Feedback(decision_ms=12.5))
        self.tell(EpisodeStatus.FINISHED, goal.episode_id)
        handle.succeed()
        return result

    def close(self):
        self._stop.set()
        self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()


def make_node(config, tmp_path, task='cup_to_rack'):
    experiment_file, task_file = tmp_path / 'experiment.yaml', tmp_path / 'task.yaml'
    plain = json.loads(json.dumps(to_mapping(config)))  # lists in the place of tuples
    experiment_file.write_text(yaml.safe_dump(plain), encoding='utf-8')
    task_file.write_text(f'{{task: {task}, horizon: 60, control_rate_hz: 5.0}}', encoding='utf-8')
    parameters = {
        'data_folder': tmp_path, 'experiment_file': experiment_file, 'task_file': task_file,
    }  # fmt: skip
    overrides = [Parameter(name, value=str(value)) for name, value in parameters.items()]
    return ExperimentNode(parameter_overrides=overrides)


def planned_ids(config):
    return [step.episode_id for step in planned_steps(config) if isinstance(step, EpisodeStep)]


def recorded_names(folder):
    lines = (folder / 'experiment.jsonl').read_text(encoding='utf-8').splitlines()
    return [json.loads(line)['name'] for line in lines]
