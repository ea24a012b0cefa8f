# SPDX-License-Identifier: Apache-2.0
import numpy as np
import torch

from parl_learner.replay.replay import Replay
from parl_learner.sampling.shard import uniform_numbers, version_of

KEYS = torch.tensor([5, -7, 2**62])
WEIGHTS = {'a': torch.tensor([1.0, 2.0]), 'b': torch.tensor(3.0, dtype=torch.bfloat16)}


def test_numbers_follow_from_version_and_key_alone():
    numbers = uniform_numbers('v', KEYS, 4, 7)
    assert numbers.shape == (3, 4, 7)
    alone = uniform_numbers('v', KEYS[1:2], 4, 7)
    torch.testing.assert_close(alone[0], numbers[1], rtol=0, atol=0)
    fewer = uniform_numbers('v', KEYS, 2, 7)
    torch.testing.assert_close(fewer, numbers[:, :2], rtol=0, atol=0)
    other = uniform_numbers('w', KEYS, 4, 7)
    assert len(torch.unique(torch.cat([numbers, other]))) == 6 * 28


def test_numbers_are_uniform():
    numbers = uniform_numbers('v', torch.arange(2000), 5, 7).numpy().ravel()
    assert numbers.min() >= 0.0
    assert numbers.max() < 1.0
    counts = np.histogram(numbers, bins=20, range=(0, 1))[0]
    expected = len(numbers) / 20
    assert ((counts - expected) ** 2 / expected).sum() < 43.8  # χ² with 19 degrees, p = 0.001


def test_a_version_is_all_that_decides_what_is_drawn():
    version = version_of(WEIGHTS, {'seed': 0, 'count': 4})
    assert version == version_of(dict(reversed(WEIGHTS.items())), {'count': 4, 'seed': 0})
    moved = WEIGHTS | {'b': torch.tensor(3.0625, dtype=torch.bfloat16)}
    renamed = {'a': WEIGHTS['a'], 'c': WEIGHTS['b']}
    others = [
        version_of(moved, {'seed': 0, 'count': 4}),
        version_of(renamed, {'seed': 0, 'count': 4}),
        version_of(WEIGHTS, {'seed': 1, 'count': 4}),
    ]
    assert len({version, *others}) == 4


def test_another_instruction_is_another_state(new_episode):
    def keys(instruction):
        import dataclasses

        replay = Replay(3, 7, 0.9)
        replay.add(dataclasses.replace(new_episode('d0'), instruction=instruction))
        return set(replay.keys.tolist())

    assert keys('put it there') == keys('put it there')
    assert not keys('put it there') & keys('put it here')
