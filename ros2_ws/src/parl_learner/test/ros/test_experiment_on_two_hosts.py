# SPDX-License-Identifier: Apache-2.0
"""The experiment node and a station with a data folder each, as on two hosts."""

from fake_policy import FakePolicy, make_node, planned_ids, recorded_names
import pytest

from parl_files.artifact_store import ArtifactStore
from parl_learner.ros.experiment_node import ExperimentError
from parl_msgs.msg import LearnerStatus


@pytest.fixture
def config(experiment, learning):
    return experiment(learning=learning(method='frozen'))


@pytest.fixture
def folders(tmp_path):
    folders = tmp_path / 'station', tmp_path / 'learner'
    for folder in folders:
        folder.mkdir()
    return folders


@pytest.fixture
def policy(ros_domain, config, folders, new_episode):
    station, learner = folders
    policy = FakePolicy(config, learner, new_episode, station)
    yield policy
    policy.close()


@pytest.fixture
def node(policy, config, folders):
    node = make_node(config, folders[1])
    yield node
    node.destroy_node()


def files(folder):
    return sorted(record.name for record in ArtifactStore(folder / 'artifacts').list('episode'))


def test_a_file_that_comes_late_is_waited_for(node, policy, config, folders):
    policy.answer_after(0.5)
    node.run()
    assert [goal.episode_id for goal in policy.goals] == planned_ids(config)
    names = recorded_names(folders[1])
    assert len(names) == len(set(names))
    assert len(files(folders[0])) == len(planned_ids(config))
    assert files(folders[1]) == files(folders[0])


def test_a_file_that_does_not_come_ends_the_experiment_and_is_not_played_again(
    node, policy, config, folders, capfd
):
    policy.server = 'gone/read_artifact'
    node.FILE_TIMEOUT_S, node.SAY_EVERY_S = 2.0, 0.5
    words = (
        'demonstrations-0000 was played, but its file has not come: nothing came for 2 s .*'
        'start the node of gone/read_artifact .*fetched, not played again'
    )
    with pytest.raises(ExperimentError, match=words):
        node.run()
    assert 'waiting for the file of demonstrations-0000: ' in capfd.readouterr().out
    assert not (folders[1] / 'experiment.jsonl').exists()
    policy.server = ''
    policy.played['demonstrations-0000'].file.server = '/policy/read_artifact'
    node.run()
    assert len(policy.played) == len(planned_ids(config))
    assert [goal.episode_id for goal in policy.goals[1:]] == planned_ids(config)
    assert len(files(folders[0])) == len(planned_ids(config))
    assert sorted(name for name in recorded_names(folders[1]) if '-00' in name) == sorted(
        planned_ids(config)
    )


def test_a_file_that_the_station_has_lost_is_named(node, policy):
    policy.is_forgetful = True
    words = r'demonstrations-0000 .* has not come: cannot fetch episode-.* is not in .*station'
    with pytest.raises(ExperimentError, match=words):
        node.run()


def test_an_episode_of_another_experiment_is_not_taken_for_this_one(node, policy):
    policy.seed_offset = 7
    words = r'demonstrations-0000 was played from seed .* or an empty one'
    with pytest.raises(ExperimentError, match=words):
        node.run()


def test_a_policy_node_that_is_not_there_ends_the_experiment(ros_domain, config, tmp_path):
    node = make_node(config, tmp_path)
    node.SILENCE_S = 1.0
    with pytest.raises(ExperimentError, match='nothing was heard of the policy node for 1 s'):
        node.run()
    node.destroy_node()


def test_a_learner_that_does_nothing_ends_the_experiment(node, policy):
    policy.learn = lambda: policy.learner_status.publish(LearnerStatus(phase='waiting'))
    node.SILENCE_S = 2.0
    words = 'the learner has done nothing for version 1 in 2 s: waiting, with 0 episodes'
    with pytest.raises(ExperimentError, match=words):
        node.run()


def test_a_version_that_does_not_come_ends_the_experiment(node, policy):
    policy.learn = lambda: policy.learner_status.publish(
        LearnerStatus(phase='critic', policy_version=1)
    )
    node.FILE_TIMEOUT_S = 2.0
    words = r'version 1 was learned, but .* nothing came for 2 s \(no node has announced it\)'
    with pytest.raises(ExperimentError, match=words):
        node.run()
