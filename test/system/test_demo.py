# SPDX-License-Identifier: Apache-2.0
"""The production launch file from demonstrations to the report, straight on and interrupted."""

from collections import Counter
import json

import pytest

from parl_files.artifact_store import ArtifactStore
from parl_files.episode_library import EpisodeLibrary

EPISODES = {
    'demonstrations': 3,
    'imitation': 2,
    'pre-trained': 2,
    'practice': 4,
    'distilled': 2,
    'fine-tuned': 2,
}
VERSIONS = ['version-1', 'version-2', 'version-3']


def recorded_names(folder):
    lines = (folder / 'experiment.jsonl').read_text(encoding='utf-8').splitlines()
    return [json.loads(line)['name'] for line in lines]


def planned_names():
    episodes = [f'{phase}-{i:04d}' for phase, count in EPISODES.items() for i in range(count)]
    return sorted(episodes + VERSIONS)


def episodes_on_disk(folder):
    """How many files each finished episode has."""
    store = ArtifactStore(folder / 'artifacts')
    damaged: list[str] = []
    library = EpisodeLibrary(store, damaged.append)
    library.refresh()
    assert not damaged
    episodes = [library.named(record.name) for record in store.list('episode')]
    return Counter(e.episode_id for e in episodes if e.outcome not in ('aborted', 'discarded'))


@pytest.mark.timeout(300)
def test_experiment_ends_with_a_report(start_demo):
    demo = start_demo()
    assert demo.wait_until_ended(240.0) == 0, demo.tail()
    assert sorted(recorded_names(demo.folder)) == planned_names()
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


@pytest.mark.timeout(300)
def test_interrupted_experiment_continues_where_it_was(start_demo):
    demo = start_demo()
    demo.wait(lambda: demo.has_printed(r'practice +2/4'), 'second practice episode', 200.0)
    demo.interrupt()
    assert demo.wait_until_ended(30.0) == 130, demo.tail()
    assert not demo.has_printed('Traceback'), demo.tail()
    before = recorded_names(demo.folder)

    demo = start_demo()
    assert demo.wait_until_ended(200.0) == 0, demo.tail()
    names = recorded_names(demo.folder)
    assert names[: len(before)] == before
    assert sorted(names) == planned_names()
    assert set(episodes_on_disk(demo.folder).values()) == {1}
    assert not demo.has_printed(r'\[experiment\] +(demonstrations|imitation|pre-trained) ')
