# SPDX-License-Identifier: Apache-2.0
"""The real experiment node against a fake policy node that answers at once."""

from collections import Counter
import dataclasses
import threading

from fake_policy import FakePolicy, make_node, planned_ids, recorded_names
import pytest

from parl_learner.ros.experiment_node import ExperimentError
from parl_msgs.action import RunEpisode
from parl_msgs.msg import EpisodeStatus, LearnerStatus


@pytest.fixture
def config(experiment, learning):
    return experiment(learning=learning(method='frozen'))


@pytest.fixture
def policy(ros_domain, config, tmp_path, new_episode):
    policy = FakePolicy(config, tmp_path, new_episode)
    yield policy
    policy.close()


@pytest.fixture
def node(policy, config, tmp_path):
    node = make_node(config, tmp_path)
    yield node
    node.destroy_node()


def all_names(config):
    return sorted([*planned_ids(config), *(f'version-{i}' for i in range(1, 5))])


def test_asks_for_every_episode_in_order_and_writes_the_report(node, policy, config, tmp_path):
    report = node.run()
    assert [goal.episode_id for goal in policy.goals] == planned_ids(config)
    assert sorted(recorded_names(tmp_path)) == all_names(config)
    assert {goal.max_steps for goal in policy.goals} == {60}
    demonstration, evaluation = policy.goals[0], policy.goals[-1]
    assert (demonstration.actor, demonstration.purpose) == ('demonstrator/act', 'demonstration')
    assert (evaluation.actor, evaluation.purpose, evaluation.policy_version) == (
        '', 'evaluation', 4,
    )  # fmt: skip
    imitation = [goal.seed for goal in policy.goals if goal.episode_id.startswith('imitation')]
    assert [goal.seed for goal in policy.goals][-2:] == imitation
    text = report.read_text(encoding='utf-8')
    assert '| fine-tuned policy alone | 2/2 (100%)' in text
    assert 'p50 12.5 ms' in text


def test_imitates_on_one_task_and_practises_on_another(policy, config, tmp_path):
    config = dataclasses.replace(config, pretraining_task='cup_alone')
    for task, other, played in (
        ('cup_to_rack', 'cup_alone', 0),
        ('cup_alone', 'cup_to_rack', config.demonstrations),
    ):
        node = make_node(config, tmp_path, task)
        words = f"next step is on task '{other}', but the task file is about '{task}'; launch"
        with pytest.raises(ExperimentError, match=words):
            node.run()
        node.destroy_node()
        assert len(policy.goals) == played
    assert recorded_names(tmp_path)[-1] == 'version-1'
    node = make_node(config, tmp_path)
    node.run()
    node.destroy_node()
    assert [goal.episode_id for goal in policy.goals] == planned_ids(config)
    assert sorted(recorded_names(tmp_path)) == all_names(config)


def test_practises_with_the_version_that_the_gate_keeps(
    ros_domain, config, tmp_path, new_episode, capsys
):
    config = dataclasses.replace(config, gate_episodes=2)
    policy = FakePolicy(config, tmp_path, new_episode)
    policy.timeouts = {'gate-0002-0001', 'gate-0004-0000'}
    node = make_node(config, tmp_path)
    try:
        report = node.run()
    finally:
        node.destroy_node()
        policy.close()
    acted = {goal.episode_id: goal.policy_version for goal in policy.goals}
    assert list(acted) == planned_ids(config)
    practised = [version for name, version in acted.items() if name.startswith('practice')]
    assert practised == [1, 1, 1, 3]
    assert acted['gate-0004-0001'] == 4
    assert acted['distilled-0001'] == 3
    printed = capsys.readouterr().out
    assert 'version 2: 1 of 2, version 1 had 2: version 1 stays' in printed
    assert '| 4 | 1/2 | put back to version 3 |' in report.read_text(encoding='utf-8')


def test_aborted_episodes_are_played_again(node, policy, config, tmp_path):
    policy.aborts = Counter({'practice-0001': 2})
    node.run()
    played = Counter(goal.episode_id for goal in policy.goals)
    assert played == Counter({**dict.fromkeys(planned_ids(config), 1), 'practice-0001': 3})
    seeds = {goal.seed for goal in policy.goals if goal.episode_id == 'practice-0001'}
    assert len(seeds) == 3, 'a simulated episode that went wrong would go wrong again'
    assert sorted(recorded_names(tmp_path)) == all_names(config)


def test_a_station_that_was_late_does_not_change_the_start(node, policy):
    """On a busy machine each time-out once gave an episode another start, and so other bits."""
    policy.aborts = Counter({'practice-0001': 2})
    policy.ends_so_again = False
    node.run()
    seeds = [goal.seed for goal in policy.goals if goal.episode_id == 'practice-0001']
    assert len(seeds) == 3
    assert len(set(seeds)) == 1


def test_an_episode_without_an_outcome_was_not_played(node, policy, config, tmp_path):
    """As when the policy node's own code fails: rclpy then answers with an empty result."""
    policy.raises_in = {'imitation-0001'}
    node.run()
    assert [goal.episode_id for goal in policy.goals].count('imitation-0001') == 2
    assert sorted(recorded_names(tmp_path)) == all_names(config)


def test_nodes_of_the_tests_before_are_gone(node, policy):
    """Half a server left over from one of them would keep this test's server from being found."""
    assert sorted(node.get_node_names()) == ['experiment', 'policy']


def test_gives_up_after_too_many_aborted_episodes(node, policy):
    policy.aborts = Counter({'demonstrations-0001': 99})
    node.MAX_FAILURES = 2
    with pytest.raises(ExperimentError, match='2 aborted episodes in a row: the camera fell down'):
        node.run()


def test_policy_that_starts_anew_costs_the_running_episode(node, policy, config, tmp_path):
    policy.dies_in = {'practice-0000'}
    node.run()
    played = Counter(goal.episode_id for goal in policy.goals)
    assert played == Counter({**dict.fromkeys(planned_ids(config), 1), 'practice-0000': 2})
    assert sorted(recorded_names(tmp_path)) == all_names(config)


def test_continues_from_the_files_and_writes_down_what_nobody_did(node, policy, config, tmp_path):
    for index in range(2):
        goal = RunEpisode.Goal(
            episode_id=f'demonstrations-{index:04d}', purpose='demonstration', seed=30_000 + index
        )
        policy.put(goal)
    policy.learn()
    node.run()
    assert [goal.episode_id for goal in policy.goals] == planned_ids(config)[2:]
    assert sorted(recorded_names(tmp_path)) == all_names(config)


def test_waits_for_a_policy_that_still_plays_for_a_killed_experiment(node, policy, config):
    policy.tell(EpisodeStatus.RUNNING, 'demonstrations-0000')
    has_waited = threading.Event()
    looks = []
    spin_for = node._episodes.spin_for

    def note_looks(seconds):
        spin_for(seconds)
        if node._episodes.is_there and node._episodes._state == EpisodeStatus.RUNNING:
            looks.append(seconds)
        if len(looks) == 5:
            has_waited.set()

    node._episodes.spin_for = note_looks

    def finish():
        has_waited.wait(30.0)
        finish.goals = len(policy.goals)
        policy.put(RunEpisode.Goal(episode_id='demonstrations-0000', purpose='demonstration'))
        policy.tell(EpisodeStatus.FINISHED, 'demonstrations-0000')

    finisher = threading.Thread(target=finish)
    finisher.start()
    node.run()
    finisher.join()
    assert has_waited.is_set(), 'it looks again and again at a policy that plays'
    assert finish.goals == 0
    assert [goal.episode_id for goal in policy.goals] == planned_ids(config)[1:]


def test_learner_that_stopped_ends_the_experiment(node, policy, tmp_path):
    policy.learn = lambda: policy.learner_status.publish(
        LearnerStatus(phase='stopped: critic support is too small')
    )
    with pytest.raises(ExperimentError, match='learning stopped: critic support is too small'):
        node.run()
