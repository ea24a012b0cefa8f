# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and kill -9 of every process in one experiment: the running episode is all they cost."""

from collections import Counter
import re

import pytest
from records import episodes_on_disk, planned_names, recorded_names

from parl_files.artifact_store import ArtifactStore
from parl_files.episode_library import EpisodeLibrary
from parl_msgs.msg import EpisodeStatus, LearnerStatus
from parl_node.message_conversion import to_record
from parl_policy.acting.weights_file import load_weights

LIMIT_S = 600.0  # only a hang lasts so long
IN_EPISODE = ('sim', 'reward_detector', 'driver', 'policy', 'experiment')
PRACTICE = 8
VERSIONS = 4  # after 0, 2, 5 and 8 episodes of practice


def wait_for_a_running_practice_episode(demo, witness, unlike):
    """Wait until an episode that has not been disturbed is under way."""

    def is_running():
        if not witness.episodes:
            return False
        status, executed = witness.episodes[-1], witness.executed
        return (
            status.state == EpisodeStatus.RUNNING
            and status.episode_id.startswith('practice')
            and status.episode_id not in unlike
            and executed.episode_id == status.episode_id
            and executed.step >= 3
        )

    demo.wait(is_running, 'undisturbed practice episode', LIMIT_S)
    return witness.executed.episode_id


@pytest.mark.timeout(3600)
def test_each_interruption_costs_at_most_the_running_episode(start_demo, witness):
    def start():
        return start_demo(
            practice_episodes=PRACTICE,
            episodes_per_round=3,
            learning={'critic_updates_per_step': 8.0, 'policy_updates_per_step': 4.0},
        )

    demo = start()
    demo.wait(
        lambda: demo.has_printed(rf'practice +2/{PRACTICE}'), 'two practice episodes', LIMIT_S
    )
    demo.wait(lambda: witness.learner.phase == 'critic', 'online learning', LIMIT_S)
    demo.interrupt()
    assert demo.wait_until_ended(LIMIT_S) == 130, demo.tail()
    assert not demo.has_printed('Traceback'), demo.tail()
    before, lines = recorded_names(demo.folder), demo.lines

    witness.learner = LearnerStatus()
    demo = start()
    demo.wait(lambda: witness.learner.phase == 'critic', 'the learning continued', LIMIT_S)
    demo.kill('learner')
    disturbed: list[str] = []
    for name in IN_EPISODE:
        disturbed.append(wait_for_a_running_practice_episode(demo, witness, disturbed))
        demo.kill(name)
    assert demo.wait_until_ended(LIMIT_S) == 0, demo.tail()
    assert_each_episode_once(demo, before)
    assert not demo.has_printed(r'\[experiment\] +(demonstrations|imitation|pre-trained) ')

    store = ArtifactStore(demo.folder / 'artifacts')
    assert not store.damaged('episode')
    for message in witness.artifacts:
        store.verify(message.name, to_record(message))
    attempts = Counter(x for x in witness.started() if x.startswith('practice'))
    assert sorted(attempts) == [f'practice-{i:04d}' for i in range(PRACTICE)]
    # A policy that has learned so little may press the arm against something; that costs it an
    # attempt too, and is told.
    pressed = Counter(
        re.findall(r'(\S+) will be played again: the arm holds', '\n'.join(lines + demo.lines))
    )
    lost = attempts - Counter(attempts.keys()) - pressed
    assert set(lost) <= set(disturbed)
    assert max(lost.values(), default=0) <= 1, lost
    assert_learned_from_each_episode_once(demo.folder, store)


def assert_each_episode_once(demo, before):
    names = recorded_names(demo.folder)
    assert names[: len(before)] == before
    assert sorted(names) == planned_names(PRACTICE, VERSIONS)
    assert set(episodes_on_disk(demo.folder).values()) == {1}


def assert_learned_from_each_episode_once(folder, store):
    library = EpisodeLibrary(store, pytest.fail)
    library.refresh()
    _, metadata = load_weights(folder / 'artifacts/learner.checkpoint')
    names = [name for names in metadata['rounds'] for name in names]
    ids = [library.named(name).episode_id for name in names]
    wanted = [f'demonstrations-{i:04d}' for i in range(2)]
    wanted += [f'practice-{i:04d}' for i in range(PRACTICE)]
    assert sorted(ids) == wanted
