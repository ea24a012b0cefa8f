# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

from parl_files.episode import Episode, EpisodeError

NAMES = ['cup_x', 'cup_y', 'gripper']


def fields(count=3, **changes):
    """A success of `count` transitions."""
    ends = np.arange(count) == count - 1
    result = {
        'episode_id': 'e1',
        'purpose': 'practice',
        'outcome': 'success',
        'observation_names': NAMES,
        'observations': np.arange((count + 1) * len(NAMES)).reshape(count + 1, len(NAMES)),
        'actions': np.full((count, 7), 0.5),
        'proposed_actions': np.full((count, 7), 1.5),
        'rewards': np.where(ends, 0, -1),
        'terminated': ends,
        'truncated': np.zeros(count, bool),
        'stamps_s': 100.0 + 0.2 * np.arange(count + 1),
        'verdicts': np.where(np.arange(count + 1) == count, 2, 1),
        'policy_versions': ['policy-000001-0123456789abcdef.safetensors'] * count + [''],
        'metadata': {'task': 'cup_to_rack', 'seed': 3},
    }
    return result | changes


def timeout_fields(**changes):
    base = fields()
    flags = {
        'outcome': 'timeout',
        'terminated': base['truncated'],
        'truncated': base['terminated'],
        'rewards': [-1, -1, -1],
    }
    return base | flags | changes


def test_interventions_are_steps_without_a_version_in_the_policys_own_episode():
    versions = ['p1', '', '', '']
    for metadata, expected in (
        ({'actor': ''}, [False, True, True]),
        ({'actor': 'demonstrator/act'}, [False] * 3),
        ({}, [False] * 3),
    ):
        episode = Episode(**fields(policy_versions=versions, metadata=metadata))
        assert episode.interventions.tolist() == expected


def with_value(name, index, value):
    array = np.array(fields()[name], dtype=float)
    array[index] = value
    return {name: array}


def test_good_episode_is_typed_and_frozen():
    source = np.array(fields()['observations'], np.float32)
    episode = Episode(**fields(observations=source))
    source[:] = 9.0
    assert len(episode) == 3
    assert episode.observations.dtype == np.float32
    assert episode.observations[0].tolist() == [0, 1, 2]
    assert episode.verdicts.dtype == np.uint8
    assert episode.terminated.tolist() == [False, False, True]
    with pytest.raises(ValueError, match='read-only'):
        episode.actions[0, 0] = 0


@pytest.mark.parametrize(
    ('purpose', 'outcome', 'trainable'),
    [
        ('demonstration', 'timeout', True),
        ('practice', 'failed', True),
        ('evaluation', 'timeout', False),
        ('practice', 'aborted', False),
        ('demonstration', 'discarded', False),
    ],
)
def test_what_may_be_trained_on(purpose, outcome, trainable):
    episode = Episode(**timeout_fields(purpose=purpose, outcome=outcome))
    assert episode.trainable == trainable
    assert not episode.success
    assert Episode(**fields()).success


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (with_value('observations', (2, 1), math.nan), r'observation 2, entry 1 \(cup_y\) is nan'),
        (with_value('observations', (0, 2), math.inf), r'entry 2 \(gripper\) is inf'),
        (with_value('actions', (1, 6), 1.01), r'actions\[1, 6\] is 1\.0\d+; .*clip'),
        (with_value('actions', (0, 0), math.nan), r'actions\[0, 0\] is nan'),
        (with_value('proposed_actions', (0, 0), math.nan), r'proposed_actions\[0, 0\] is nan'),
        (with_value('rewards', 0, 0.5), r'rewards\[0\] is 0\.5, expected -1'),
        (with_value('rewards', 0, 0.0), r'rewards\[0\] is 0\.0, expected -1'),
        (with_value('rewards', 2, -1.0), r'rewards\[2\] is -1\.0, expected 0'),
        (with_value('stamps_s', 2, 99.0), r'goes back at observation 2'),
        (with_value('stamps_s', 1, math.nan), r'stamps_s must be finite'),
        ({'actions': np.zeros((3, 6))}, r'actions has shape \(3, 6\), expected \(3, 7\)'),
        ({'observations': np.zeros((3, 3))}, r'observations has shape \(3, 3\), expected \(4, 3'),
        ({'observations': [[0, 0, 0], [0]]}, r'observations is not an array'),
        ({'rewards': []}, r'rewards have shape \(0,\)'),
        ({'rewards': -1.0}, r'rewards have shape \(\)'),
        ({'policy_versions': ['']}, r'policy_versions has 1 entries, expected 4'),
        ({'terminated': [True, False, True]}, r'exactly the last transition'),
        ({'truncated': [False, False, True]}, r'exactly the last transition'),
        ({'terminated': [False] * 3}, r'exactly the last transition'),
        ({'outcome': 'timeout'}, r"outcome 'timeout' with terminated=True"),
        ({'outcome': 'won'}, r"outcome 'won'; use one of"),
        ({'purpose': 'play'}, r"purpose 'play'; use one of"),
        ({'episode_id': ''}, r'episode_id is empty'),
        ({'observation_names': ['a', 'b', 'a']}, r'repeat a name'),
        ({'metadata': {'seed': np.int64(3)}}, r'metadata: .*not JSON'),
        ({'metadata': {'loss': math.nan}}, r'metadata: .*JSON'),
    ],
)
def test_broken_conventions_are_named(changes, message):
    with pytest.raises(EpisodeError, match=message) as caught:
        Episode(**fields(**changes))
    if changes.get('episode_id') is None:
        assert "episode 'e1'" in str(caught.value)


def test_success_must_terminate():
    with pytest.raises(EpisodeError, match="outcome 'success' with terminated=False"):
        Episode(**timeout_fields(outcome='success'))
