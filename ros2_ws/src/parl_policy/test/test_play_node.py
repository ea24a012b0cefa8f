# SPDX-License-Identifier: Apache-2.0
"""The real play node asks the real policy node at a fake station."""

import signal
import subprocess
import sys
import threading

from policy_bench import LAYOUT, LIMIT_S
import pytest
from rclpy.parameter import Parameter

from parl_msgs.msg import EpisodeStatus
from parl_policy.config_file import ConfigError
from parl_policy.play_node import PlayError, PlayNode


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


def begin(node):
    """Play in a thread, as the process of its own that it is; gives thread and errors."""
    errors = []

    def play():
        try:
            node.play()
        except PlayError as error:
            errors.append(str(error))

    thread = threading.Thread(target=play)
    thread.start()
    return thread, errors


def play(bench, node):
    thread, errors = begin(node)
    bench.wait(lambda: not thread.is_alive())
    return errors


def test_version_is_played_and_its_success_rate_told(bench, new_node, capsys):
    bench.put_version(2)
    node = new_node(version=1, episodes=3, seed=5)
    resets = bench.station.seeds
    set_out = bench.station._on_reset

    def succeed_at_seed_6(request, response):
        bench.station.success_after = 2 if request.seed == 6 else None
        return set_out(request, response)

    bench.station.reset_service.callback = succeed_at_seed_6
    assert play(bench, node) == []
    assert capsys.readouterr().out.splitlines() == [
        'seed 5: timeout after 4 steps',
        'seed 6: success after 2 steps',
        'seed 7: timeout after 4 steps',
        '1 successes in 3 episodes (33%)',
    ]
    assert resets == [5, 6, 7]
    episodes = [bench.store.path(record.name) for record in bench.store.list('episode')]
    assert len(episodes) == 3
    assert {target.policy_version for target in bench.station.targets} == {bench.version}
