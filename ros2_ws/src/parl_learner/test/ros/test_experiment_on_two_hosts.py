# SPDX-License-Identifier: Apache-2.0
"""The experiment node and a station with a data folder each, as on two hosts."""

from fake_policy import FakePolicy, make_node, planned_ids, recorded_names
import pytest

from parl_files.artifact_store import ArtifactStore


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
