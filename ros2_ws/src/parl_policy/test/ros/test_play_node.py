# SPDX-License-Identifier: Apache-2.0
"""The real play node asks the real policy node at a fake station."""

import signal
import subprocess
import sys
import threading

from policy_bench import FakeStation, LATCHED
import pytest
from rclpy.parameter import Parameter

from parl_files.config_file import ConfigError
from parl_files.episode_file import read_episode
from parl_msgs.msg import EpisodeStatus
from parl_node.episode_client import EpisodeClient, EpisodeClientError
from parl_policy.ros.play_node import PlayNode


@pytest.fixture
def task_file(tmp_path):
    path = tmp_path / 'played_task.yaml'
    path.write_text('{robot: wx250s, horizon: 4}', encoding='utf-8')
    return path


@pytest.fixture
def new_node(task_file):
    """A function that makes a play node with those parameters."""
    nodes = []

    def make(**values):
        values = {'task_file': str(task_file), **values}
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        nodes.append(PlayNode(parameter_overrides=overrides))
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()


def play(bench, node):
    """Play in a thread, as in a process of its own; gives the error, if there was one."""
    errors = []

    def run():
        try:
            node.play()
        except EpisodeClientError as error:
            errors.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    bench.wait(lambda: not thread.is_alive())
    return errors


def test_version_is_played_and_its_success_rate_told(bench, new_node, monkeypatch, capsys):
    bench.put_version(2)
    only_seed_6 = property(lambda station: 2 if station.seeds[-1:] == [6] else None)
    monkeypatch.setattr(FakeStation, 'success_after', only_seed_6, raising=False)
    assert play(bench, new_node(version=1, episodes=3, seed=5)) == []
    assert capsys.readouterr().out.splitlines() == [
        'seed 5: timeout after 4 steps',
        'seed 6: success after 2 steps',
        'seed 7: timeout after 4 steps',
        'successes: 1 of 3 (33%)',
    ]
    assert bench.station.seeds == [5, 6, 7]
    assert {target.policy_version for target in bench.station.targets} == {bench.version}
    (first, *_) = bench.store.list('episode')
    episode = read_episode(bench.store.path(first.name))
    assert episode.purpose == 'evaluation'
    assert episode.metadata['optimise'] is False


def test_an_episode_that_is_aborted_counts_for_nothing(bench, new_node, capsys):
    bench.station.reset_message = 'the cup is missing'
    assert play(bench, new_node(optimise=True)) == []
    assert capsys.readouterr().out.splitlines() == [
        'seed 0: aborted after 0 steps: reset failed: the cup is missing',
        'successes: 0 of 0',
    ]


def test_ctrl_c_cancels_the_episode_and_begins_no_other(bench, task_file):
    bench.station.freezes_after = 2
    process = subprocess.Popen(
        [
            *(sys.executable, '-m', 'parl_policy.ros.play_node', '--ros-args'),
            *('-p', f'task_file:={task_file}', '-p', 'episodes:=3'),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        bench.wait(lambda: len(bench.station.targets) == 2)
        process.send_signal(signal.SIGINT)
        bench.wait(lambda: process.poll() is not None)
        assert process.returncode == 0
        assert process.stdout.read().splitlines() == [
            'seed 0: aborted after 2 steps: cancelled by the client',
            'successes: 0 of 0',
        ]
    finally:
        process.kill()
        process.wait()
    assert len(bench.station.seeds) == 1


def test_without_a_policy_node_it_says_so(ros_domain, new_node, monkeypatch):
    monkeypatch.setattr(PlayNode, 'FREE_S', 0.3)
    with pytest.raises(EpisodeClientError, match='no policy node; are namespace and ROS_DOMAIN'):
        new_node().play()


def test_another_episode_is_not_disturbed(bench, new_node, monkeypatch):
    monkeypatch.setattr(PlayNode, 'FREE_S', 1.0)
    bench.station.freezes_after = 1
    bench.send()
    bench.wait(lambda: len(bench.station.targets) == 1)
    assert play(bench, new_node()) == ['another episode is running; end it first']


def test_an_episode_is_given_up_when_the_policy_node_starts_anew(bench, new_node):
    bench.station.freezes_after = 2
    node = new_node()
    status = bench.client.create_publisher(EpisodeStatus, 'episode', LATCHED)

    def tell_of_a_new_start():
        if len(bench.station.targets) == 2:
            status.publish(EpisodeStatus(state=EpisodeStatus.IDLE))

    bench.client.create_timer(0.1, tell_of_a_new_start)
    assert play(bench, node) == ['the policy node ended during the episode; see its log']


def test_an_episode_of_which_nothing_is_heard_is_given_up(bench, new_node, monkeypatch):
    monkeypatch.setattr(EpisodeClient, 'SILENCE_S', 1.5)
    bench.station.freezes_after = 2
    assert play(bench, new_node()) == ['the policy node was silent for 1.5 s; see its log']


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({'episodes': 0}, 'parameter episodes is 0, expected 1 or more'),
        ({'version': -2}, 'parameter version is -2, expected -1 or more'),
        ({'task_file': '/none.yaml'}, '/none.yaml: cannot be read'),
        ({'task_file': ''}, 'parameter task_file is empty; give an absolute path'),
        ({'cameras': 'camera'}, r"cameras has 'camera'; give a name, height and width"),
        ({'cameras': 'camera:0x64'}, r"cameras has 'camera:0x64'"),
    ],
)
def test_what_cannot_be_played_is_named(ros_domain, new_node, values, message):
    with pytest.raises(ConfigError, match=message):
        new_node(**values)


def test_horizon_below_1_is_named(ros_domain, new_node, task_file):
    task_file.write_text('{robot: wx250s, horizon: -5}', encoding='utf-8')
    with pytest.raises(ConfigError, match=f'{task_file}: horizon must be 1 or more: -5'):
        new_node()
