# SPDX-License-Identifier: Apache-2.0
"""The real learner node on a folder of small episodes, over real DDS, and killed in its work."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from rcl_interfaces.msg import Log
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
import torch
import yaml
from zero_shot import zero_shot_experiment

from parl_files.artifact_store import ArtifactStore
from parl_files.config_file import ConfigError, to_mapping
from parl_files.episode_file import episode_to_bytes
from parl_learner.loop.learner import Learner
from parl_learner.report.learner_log import read_learner_log
from parl_learner.ros.learner_node import LearnerNode
from parl_msgs.msg import Artifact, LearnerStatus
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.compute.device import choose_float32_product
from parl_policy.critics.critic import CriticConfig

LIMIT_S = 300.0  # the learner is nice: on a busy machine it starts late
LATCHED = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Listener:
    """Hears what a learner tells; runs the learner too, if it is in this process."""

    def __init__(self):
        self.statuses, self.artifacts, self.logs = [], [], []
        self.executor = SingleThreadedExecutor()
        self._nodes = []
        node = self.add(rclpy.create_node('listener'))
        node.create_subscription(LearnerStatus, 'learner_status', self.statuses.append, 10)
        node.create_subscription(Artifact, 'artifact', self.artifacts.append, LATCHED)
        node.create_subscription(Log, '/rosout', self.logs.append, LATCHED)

    def add(self, node):
        self._nodes.append(node)
        self.executor.add_node(node)
        return node

    def wait(self, is_done):
        end = time.monotonic() + LIMIT_S
        while not is_done():
            assert time.monotonic() < end, f'waited too long; last status: {self.statuses[-1:]}'
            self.executor.spin_once(timeout_sec=0.05)

    def errors(self):
        return [log.msg for log in self.logs if log.name == 'learner']

    def close(self):
        self.executor.shutdown()
        for node in self._nodes:
            node.destroy_node()


@pytest.fixture
def listener(ros_domain):
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def experiment_file(tmp_path):
    """Writes an experiment's settings to a file."""

    def write(config):
        path = tmp_path / 'experiment.yaml'
        plain = json.loads(json.dumps(to_mapping(config)))  # lists in the place of tuples
        path.write_text(yaml.safe_dump(plain), encoding='utf-8')
        return path

    return write


@pytest.fixture
def start(listener, tmp_path, experiment_file):
    """Starts a learner on the data folder `tmp_path`."""

    def start_node(config):
        parameters = {'data_folder': tmp_path, 'experiment_file': experiment_file(config)}
        overrides = [Parameter(name, value=str(value)) for name, value in parameters.items()]
        return listener.add(LearnerNode(parameter_overrides=overrides))

    return start_node


def version_names(store):
    return [record.name for kind in ('policy', 'critic') for record in store.list(kind)]


def test_learns_all_rounds_and_tells(listener, start, experiment, recorded, put, tmp_path):
    put(*recorded)
    start(experiment())
    listener.wait(lambda: listener.statuses and listener.statuses[-1].policy_version == 4)
    listener.wait(lambda: listener.statuses[-1].phase == 'waiting')
    status = listener.statuses[-1]
    assert (status.episodes, status.demonstrations, status.transitions) == (6, 2, 20)
    assert status.policy_steps == status.policy_steps_due == 3 + 10
    assert status.critic_steps == status.critic_steps_due == 5 + 10
    assert status.seconds_left == 0.0
    assert all(value == value for value in (status.policy_loss, status.critic_loss))
    store = ArtifactStore(tmp_path / 'artifacts')
    listener.wait(lambda: len(listener.artifacts) == 8)
    assert sorted(a.name for a in listener.artifacts) == sorted(version_names(store))
    assert {a.server for a in listener.artifacts} == {'/learner/read_artifact'}


def test_status_and_log_go_on_while_simulated_time_stands(
    listener, start, experiment, learning, recorded, put, tmp_path
):
    put(*recorded)
    node = start(experiment(learning=learning(imitation_steps=2000)))
    node.set_parameters([Parameter('use_sim_time', value=True)])  # and nobody publishes /clock
    listener.wait(lambda: any(s.phase == 'pretraining' for s in listener.statuses))
    listener.wait(lambda: any(0 < s.policy_steps < s.policy_steps_due for s in listener.statuses))
    assert 'policy_loss' in read_learner_log(tmp_path / 'learner.jsonl')


def test_killed_learner_ends_with_the_same_versions(
    listener, experiment, learning, recorded, put, tmp_path, experiment_file
):
    choose_float32_product()  # as the node's process does; else the last bits differ
    config = experiment(learning=learning(imitation_steps=500, policy_updates_per_step=60.0))
    straight = ArtifactStore(tmp_path / 'straight')
    for index, episode in enumerate(recorded):
        straight.put('episode', index, episode_to_bytes(episode), 'mcap')
    put(*recorded)
    learner = Learner(config, straight, lambda _: None, pytest.fail)
    while learner.take_in_episodes():
        learner.work()

    words = [sys.executable, '-m', 'parl_learner.ros.learner_node', '--ros-args']
    words += ['-p', f'data_folder:={tmp_path}']
    words += ['-p', f'experiment_file:={experiment_file(config)}']
    kills = 0
    for is_right in (
        lambda status: status.policy_steps > 0,
        lambda status: status.policy_version >= 1,
        lambda status: status.phase == 'waiting' and status.policy_version == 4,
    ):
        listener.statuses.clear()
        process = subprocess.Popen(words, env={**os.environ, 'OMP_NUM_THREADS': '1'})
        try:
            listener.wait(lambda is_right=is_right: any(map(is_right, listener.statuses)))
        finally:
            process.send_signal(signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
    assert kills == 3
    assert version_names(ArtifactStore(tmp_path / 'artifacts')) == version_names(straight)


def test_a_zero_shot_policy_is_announced_before_any_episode(listener, start):
    start(zero_shot_experiment())
    listener.wait(lambda: listener.artifacts and listener.statuses)
    (version,) = listener.artifacts
    assert (version.kind, version.version) == ('policy', 0)
    assert (listener.statuses[-1].phase, listener.statuses[-1].episodes) == ('waiting', 0)


def test_stored_versions_are_announced_again(listener, start, experiment, store):
    record = store.put('policy', 1, b'weights of before', 'safetensors')
    start(experiment())
    listener.wait(lambda: [a.name for a in listener.artifacts] == [record.name])


def test_unreadable_files_are_reported_and_left_out(
    listener, start, experiment, recorded, put, store
):
    junk = b'no episode at all'
    digest = hashlib.sha256(junk).hexdigest()[:16]
    unreadable = store.folder / f'episode-000000-{digest}.mcap'
    unreadable.write_bytes(junk)
    cut = store.folder / f'episode-000001-{16 * "0"}.mcap'
    cut.write_bytes(episode_to_bytes(recorded[0])[:100])
    put(*recorded[:2])
    start(experiment())
    listener.wait(lambda: listener.statuses and listener.statuses[-1].policy_version == 1)
    assert listener.statuses[-1].demonstrations == 2
    for path in (unreadable, cut):
        listener.wait(lambda path=path: any(path.name in error for error in listener.errors()))
    assert len([error for error in listener.errors() if unreadable.name in error]) == 1


def test_too_small_critic_support_stops_with_its_numbers(
    listener, start, experiment, learning, recorded, put
):
    put(*recorded)
    start(experiment(learning=learning(critic=CriticConfig(members=2, support=(-2.0, 0.0)))))
    listener.wait(lambda: any(s.phase.startswith('stopped: ') for s in listener.statuses))
    phase = listener.statuses[-1].phase
    assert 'critic support is [-2.0, 0.0]' in phase
    assert 'set critic.support' in phase


def test_bfloat16_without_such_products_stops_before_the_first_episode(
    listener, start, experiment, learning, monkeypatch
):
    monkeypatch.setattr(torch.cpu, 'get_capabilities', dict)
    coarse = ActionOptimisationConfig(precision='bfloat16')
    start(experiment(learning=learning(optimisation=coarse)))
    listener.wait(lambda: any(s.phase.startswith('stopped: ') for s in listener.statuses))
    phase = listener.statuses[-1].phase
    assert "learning.optimisation.precision is 'bfloat16'" in phase
    assert "choose 'float32'" in phase


def test_an_episode_that_was_learned_from_and_is_gone_stops_with_its_name(
    listener, start, experiment, recorded, put, store
):
    name, _ = put(*recorded[:2])
    learner = Learner(experiment(), store, lambda _: None, pytest.fail)
    while learner.take_in_episodes():
        learner.work()
    store.path(name).unlink()
    start(experiment())
    listener.wait(lambda: any(s.phase.startswith('stopped: ') for s in listener.statuses))
    assert (
        f'episode file {name}, which was learned from, is missing' in listener.statuses[-1].phase
    )
    listener.wait(lambda: any(name in error for error in listener.errors()))
    assert not any('Traceback' in error for error in listener.errors())


def test_full_disk_is_waited_for(listener, start, experiment, recorded, store, tmp_path):
    folder = str(store.folder)
    try:
        mounted = subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip('no mount command')
    if mounted.returncode != 0:
        pytest.skip(f'may not mount a tiny disk here: {mounted.stderr.strip()}')
    try:
        for index, episode in enumerate(recorded):
            store.put('episode', index, episode_to_bytes(episode), 'mcap')
        ballast = store.folder / 'ballast'
        with pytest.raises(OSError, match='No space left'), ballast.open('wb') as file:
            file.write(bytes(8 << 20))
        node = start(experiment())
        node.RETRY_S = 0.2
        listener.wait(
            lambda: any(s.phase.startswith('waiting for disk space') for s in listener.statuses)
        )
        assert not store.list('policy')
        ballast.unlink()
        listener.wait(lambda: listener.statuses[-1].policy_version == 4)
        node.destroy_node()
    finally:
        subprocess.run(['umount', folder], check=True)


def test_bad_experiment_file_is_named(start, experiment, tmp_path, ros_domain):
    path = tmp_path / 'bad.yaml'
    path.write_text('{task: cup_to_rack, sed: 0}', encoding='utf-8')
    parameters = {'data_folder': tmp_path, 'experiment_file': path}
    overrides = [Parameter(name, value=str(value)) for name, value in parameters.items()]
    with pytest.raises(ConfigError, match=r'bad\.yaml: sed is unknown'):
        LearnerNode(parameter_overrides=overrides)
