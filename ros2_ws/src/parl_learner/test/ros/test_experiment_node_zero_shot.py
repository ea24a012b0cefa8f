# SPDX-License-Identifier: Apache-2.0
"""The real experiment node where no demonstrator is asked: the policy plays from version 0 on."""

import threading

from fake_policy import FakePolicy, make_node, planned_ids, recorded_names
import pytest
from zero_shot import SEEN, zero_shot_experiment


@pytest.fixture
def config():
    return zero_shot_experiment(evaluation_episodes=1)


@pytest.fixture
def is_awaited():
    """Whether the experiment waits for version 0, which is not made before."""
    return threading.Event()


@pytest.fixture
def policy(ros_domain, config, tmp_path, new_episode, is_awaited):
    """Its learner works by a timer, as one on another host."""
    too_early = []

    def play(*names, **kinds):
        too_early.extend([] if is_awaited.is_set() else names[:1])
        is_awaited.set()
        return new_episode(*names, **kinds, **SEEN)

    policy = FakePolicy(config, tmp_path, play, tmp_path / 'station')
    learn = policy.learn
    policy.learn = lambda: learn() if is_awaited.is_set() else None
    policy.timeouts, policy.too_early = {'zero-shot-0001'}, too_early
    yield policy
    policy.close()


def test_waits_for_version_0_and_lets_it_play(policy, config, tmp_path, capsys, is_awaited):
    node = make_node(config, tmp_path)
    say = node._say

    def note_the_wait(text):
        if text.startswith('waiting for version 0'):
            is_awaited.set()
        say(text)

    node._say = note_the_wait
    try:
        report = node.run().read_text(encoding='utf-8')
    finally:
        node.destroy_node()
    assert policy.too_early == []
    assert [goal.episode_id for goal in policy.goals] == planned_ids(config)
    first = [(g.episode_id, g.purpose, g.actor, g.policy_version) for g in policy.goals[:2]]
    assert first == [
        ('zero-shot-0000', 'demonstration', '', 0),
        ('zero-shot-0001', 'demonstration', '', 0),
    ]
    assert not any(goal.optimise for goal in policy.goals[:2])
    names = ['version-0', 'zero-shot-0000', 'zero-shot-0001', 'version-1']
    assert recorded_names(tmp_path)[:4] == names
    printed = capsys.readouterr().out
    assert 'version 0 made in' in printed
    assert 'zero-shot   2/2' in printed
    assert 'succeeded in 1 of 2 episodes (50%' in report
    for absent in ('demonstration', 'imitation)'):
        assert absent not in report
