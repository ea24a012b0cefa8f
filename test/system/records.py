# SPDX-License-Identifier: Apache-2.0
"""What an experiment leaves in its folder, and what mini_experiment.yaml should leave there."""

from collections import Counter
import json

from parl_files.artifact_store import ArtifactStore
from parl_files.episode_library import EpisodeLibrary

EVALUATIONS = ('imitation', 'pre-trained', 'distilled', 'fine-tuned')


def recorded_names(folder):
    """Names of what was finished, in the order in which it was."""
    lines = (folder / 'experiment.jsonl').read_text(encoding='utf-8').splitlines()
    return [json.loads(line)['name'] for line in lines]


def planned_names(practice, versions=3):
    """The same of a whole experiment, sorted."""
    counts = {'demonstrations': 2, 'practice': practice, **dict.fromkeys(EVALUATIONS, 1)}
    episodes = [f'{phase}-{i:04d}' for phase, count in counts.items() for i in range(count)]
    return sorted(episodes + [f'version-{i + 1}' for i in range(versions)])


def episodes_on_disk(folder):
    """How many files each finished episode has."""
    store = ArtifactStore(folder / 'artifacts')
    damaged: list[str] = []
    library = EpisodeLibrary(store, damaged.append)
    library.refresh()
    assert not damaged
    episodes = [library.named(record.name) for record in store.list('episode')]
    return Counter(e.episode_id for e in episodes if e.outcome.is_played)
