# SPDX-License-Identifier: Apache-2.0
"""The production launch file from demonstrations to the report; test_kill.py disturbs it."""

from contextlib import contextmanager
import re
import subprocess
import sys

import pytest
from records import episodes_on_disk, planned_names, recorded_names

from parl_files.artifact_store import ArtifactStore
from parl_files.episode_library import EpisodeLibrary

LIMIT_S = 1500.0  # only a hang lasts so long
LATE = '(played|asked for) again: (?!the arm holds)'


def artifacts(folder):
    """Names of the files that were played or learned; they hold the hash of the content.

    Attempts that were aborted are left out: one is made each time a node stands still for long.
    """
    store = ArtifactStore(folder / 'artifacts')
    library = EpisodeLibrary(store, pytest.fail)
    library.refresh()
    versions = {record.name for kind in ('policy', 'critic') for record in store.list(kind)}
    return versions | set(library.completed().values())


def fingerprint(folder):
    report = (folder / 'report.md').read_text(encoding='utf-8')
    return re.search(r'Fingerprint `([0-9a-f]{16})`', report)[1]


@contextmanager
def busy_process():
    process = subprocess.Popen([sys.executable, '-c', 'while True: pass'])
    yield
    process.kill()
    process.wait()


@pytest.mark.timeout(1800)
def test_experiment_ends_with_a_report(start_demo):
    demo = start_demo()
    assert demo.wait_until_ended(LIMIT_S) == 0, demo.tail()
    assert sorted(recorded_names(demo.folder)) == planned_names(practice=3)
    assert set(episodes_on_disk(demo.folder).values()) == {1}
    report = (demo.folder / 'report.md').read_text(encoding='utf-8')
    for part in (
        '| pre-trained policy alone (imitation) |',
        '| pre-trained policy with its critic |',
        '| fine-tuned policy alone |',
        '| fine-tuned policy with its critic |',
        'Decision latency while practising',
        '## Films',
        '| offline training |',
        '| online training |',
    ):
        assert part in report, report
    for name in ('learning_curve.png', 'q_calibration.png', 'training.png'):
        assert (demo.folder / name).stat().st_size > 1000, demo.tail()
    assert not demo.has_printed('Traceback'), demo.tail()


@pytest.mark.timeout(3600)
def test_the_same_twice_also_beside_a_busy_process_and_after_kills(start_demo, tmp_path):
    """Once, 9 of 28 episodes were the same; what was heard first went into an observation.

    Later an input that took 5 s on a busy machine gave the next attempt another start.
    """

    def start(folder):
        return start_demo(folder=folder, rounds_ahead=1, evaluation_episodes=2)

    quiet = start('quiet')
    assert quiet.wait_until_ended(LIMIT_S) == 0, quiet.tail()
    with busy_process():
        again = start('again')
        again.wait(lambda: again.has_printed('practice +1/3'), 'practice', LIMIT_S)
        with again.standing_still('reward_detector'):
            again.wait(lambda: again.has_printed(LATE), 'an abort', LIMIT_S)
        again.wait(lambda: again.has_printed('practice +2/3'), 'more practice', LIMIT_S)
        again.kill('learner')
        again.wait(lambda: again.has_printed('imitation +1/2'), 'an evaluation', LIMIT_S)
        again.kill('experiment')
        assert again.wait_until_ended(LIMIT_S) == 0, again.tail()
    # A node that was killed or stood still costs a repetition, which has the same bits.
    assert artifacts(again.folder) == artifacts(quiet.folder)
    assert fingerprint(again.folder) == fingerprint(quiet.folder)
