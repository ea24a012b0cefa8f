# SPDX-License-Identifier: Apache-2.0
"""What is said of pictures and instructions before training."""

import dataclasses
import re

import numpy as np
import pytest

from parl_learner.offline.data.observation_check import doubts, lacking, shown
from parl_learner.offline.data.recording_check import duplicates
from parl_learner.offline.data.trajectory import RawEpisode
from parl_learner.offline.observations.films import ArrayFilm
from parl_policy.observations import ObservationNeeds, PictureConfig

SEES = ObservationNeeds({'front': PictureConfig(size=(6, 6))})
READS = ObservationNeeds(instruction=True)


def make(name='first', numbers=1, size=(6, 8), cameras=('front',), instruction='lift it', seed=0):
    draws = np.random.default_rng(seed)
    pictures = draws.integers(256, size=(4, *size, 3), dtype=np.uint8)
    rows = np.arange(3 * numbers, dtype=np.float32).reshape(3, numbers)
    return RawEpisode(
        name=name,
        observations=rows,
        next_observations=rows + 1.0,
        actions=np.zeros((3, 2), np.float32),
        rewards=np.zeros(3, np.float32),
        terminals=np.zeros(3, bool),
        timeouts=np.arange(3) == 2,
        films={camera: ArrayFilm(pictures) for camera in cameras},
        instruction=instruction,
    )


def test_what_is_there_is_said_with_who_sees_it():
    two = ('front', 'side')
    episodes = [make(cameras=two), make('second', cameras=two, instruction='')]
    assert shown(episodes, {'policy': SEES, 'critic': READS}) == [
        ('cameras', 'front, 6 × 8 px, seen by policy; side, 6 × 8 px, seen by nobody'),
        ('instructions', '1 different, 1 episodes without; read by critic'),
    ]
    assert shown([make(cameras=(), instruction='')], {}) == [
        ('cameras', 'none'),
        ('instructions', '0 different, 1 episodes without; read by nobody'),
    ]


@pytest.mark.parametrize(
    ('episode', 'names', 'words'),
    [
        (make(), [], ''),
        (make(cameras=('side',)), ['cameras'], "policy sees the camera 'front', .*'side'"),
        (make(size=(5, 8)), ['cameras'], 'record larger pictures'),
        (make(numbers=0), ['no-observations'], r'the critic sees no camera\. .*\[.front.\]'),
    ],
)
def test_what_networks_cannot_do_without_is_refused(episode, names, words):
    found = lacking([episode], {'policy': SEES, 'critic': ObservationNeeds()})
    assert [finding.name for finding in found] == names
    assert all(re.search(words, str(finding)) for finding in found)


def test_an_instruction_that_is_missing_is_said():
    episodes = [make(), make('second', instruction='')]
    (note,) = doubts(episodes, {'policy': READS, 'critic': SEES})
    assert '1 of 2 episodes have no instruction, first second, but the policy reads it' in note
    assert doubts(episodes, {'policy': SEES}) == []


def test_a_camera_that_shows_nothing_is_said():
    black = {'front': ArrayFilm(np.zeros((4, 6, 8, 3), np.uint8))}
    (note,) = doubts([make(), dataclasses.replace(make('dark'), films=black)], {'policy': SEES})
    assert (
        "the first picture of 'front' has one colour alone in 1 of 2 episodes, first dark" in note
    )


def test_a_camera_that_is_seen_is_the_same_in_all_episodes():
    for other, words in (
        (make('other', size=(6, 9)), r'\(6, 9\)'),
        (make('other', cameras=()), 'miss'),
    ):
        (finding,) = lacking([make(), other], {'policy': SEES})
        assert re.search(f"pictures of 'front' are {words}.* in other and", str(finding))
        assert lacking([make(), other], {'policy': READS}) == []
    assert shown([make(), make(size=(6, 9)), make(cameras=())], {})[0] == (
        'cameras',
        'front, 6 × 8 or 6 × 9 px, in 2 episodes, seen by nobody',
    )


def test_copies_have_the_same_pictures():
    assert duplicates([make(numbers=0), make('other', numbers=0, seed=1)]) == []
    (finding,) = duplicates([make(), make('other', seed=1), make('copy')])
    assert '1 episodes are copies, first copy of first' in str(finding)
