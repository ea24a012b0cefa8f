# SPDX-License-Identifier: Apache-2.0
"""Kill -9 of every process in one experiment: it costs at most the running episode."""

from collections import Counter

import pytest

from parl_files.artifact_store import ArtifactStore
from parl_files.episode_library import EpisodeLibrary
from parl_msgs.msg import EpisodeStatus
from parl_node.message_conversion import to_record
from parl_policy.acting.weights_file import load_weights

LIMIT_S = 120.0
IN_EPISODE = ('sim', 'reward_detector', 'driver', 'policy', 'experiment')
PRACTICE = 8


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


@pytest.mark.timeout(400)
def test_killing_any_process_costs_at_most_the_running_episode(start_demo, witness):
    demo = start_demo(
        practice_episodes=PRACTICE,
        episodes_per_round=3,
        learning={'critic_updates_per_step': 8.0, 'policy_updates_per_step': 8.0},
    )
    demo.wait(lambda: witness.started().count('practice-0001'), 'practice', LIMIT_S)
    disturbed: list[str] = []
    for name in IN_EPISODE:
        disturbed.append(wait_for_a_running_practice_episode(demo, witness, disturbed))
        demo.kill(name)
        if name == 'sim':
            demo.wait(lambda: witness.learner.phase == 'critic', 'online learning', LIMIT_S)
            demo.kill('learner')
    assert demo.wait_until_ended(LIMIT_S) == 0, demo.tail()

    store = ArtifactStore(demo.folder / 'artifacts')
    assert not store.damaged('episode')
    for message in witness.artifacts:
        store.verify(message.name, to_record(message))
    attempts = Counter(x for x in witness.started() if x.startswith('practice'))
    assert sorted(attempts) == [f'practice-{i:04d}' for i in range(PRACTICE)]
    lost = {x: count - 1 for x, count in attempts.items() if count > 1}
    assert set(lost) <= set(disturbed)
    assert max(lost.values(), default=0) <= 1, lost
    assert_learned_from_each_episode_once(demo.folder, store)


def assert_learned_from_each_episode_once(folder, store):
    library = EpisodeLibrary(store, pytest.fail)
    library.refresh()
    _, metadata = load_weights(folder / 'artifacts/learner.checkpoint')
    names = [name for names in metadata['rounds'] for name in names]
    ids = [library.named(name).episode_id for name in names]
    wanted = [f'demonstrations-{i:04d}' for i in range(3)]
    wanted += [f'practice-{i:04d}' for i in range(PRACTICE)]
    assert sorted(ids) == wanted
