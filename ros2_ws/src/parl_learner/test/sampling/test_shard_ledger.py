# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from parl_learner.sampling.shard import Shard
from parl_learner.sampling.shard_ledger import ShardLedger
from parl_policy.acting.weights_file import load_weights


def shard(version, keys, seed=0):
    draws = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, 256, (len(keys), 4, 7), generator=draws, dtype=torch.uint8)
    return Shard(version, torch.tensor(keys), tokens, -torch.rand(len(keys), 4, generator=draws))


@pytest.fixture
def reports():
    return []


@pytest.fixture
def open_ledger(tmp_path, reports):
    return lambda: ShardLedger(tmp_path / 'samples', reports.append)


def begun(ledger, *versions):
    for version in versions:
        ledger.begin(version, 4, 7)
    return ledger


def test_shards_are_found_again_by_another_process_to_the_bit(open_ledger, tmp_path):
    ledger = begun(open_ledger(), 'v')
    drawn = shard('v', [3, -4, 2**62])
    ledger.put(drawn)
    again = begun(open_ledger(), 'v')
    for each in (ledger, again):
        found = torch.stack([each.find('v', key) for key in drawn.keys.tolist()])
        assert torch.equal(found, drawn.tokens)
    assert again.find('v', 5) is None
    *_, path = sorted((tmp_path / 'samples').glob('shard-*'), key=lambda each: each.stat().st_size)
    tensors, about = load_weights(path)
    assert torch.equal(tensors['log_probs'], drawn.log_probs)
    assert tensors['tokens'].dtype == torch.uint8
    assert about == {'version': 'v'}


def test_the_same_shard_twice_is_one_file(open_ledger, tmp_path):
    ledger = begun(open_ledger(), 'v')
    for _ in range(2):
        ledger.put(shard('v', [1, 2]))
    assert len(list((tmp_path / 'samples').iterdir())) == 2  # and the mark of the version


@pytest.mark.parametrize('damage', [lambda b: b[:-9], lambda b: b[:-1] + bytes([b[-1] ^ 1])])
def test_a_damaged_shard_is_said_and_forgotten(open_ledger, reports, tmp_path, damage):
    ledger = begun(open_ledger(), 'v')
    ledger.put(shard('v', [1, 2]))
    ledger.put(shard('v', [3], seed=1))
    for path in (tmp_path / 'samples').iterdir():
        if load_weights(path)[0]['keys'].tolist() == [1, 2]:
            path.write_bytes(damage(path.read_bytes()))
    again = begun(open_ledger(), 'v')
    assert again.find('v', 1) is None
    assert again.find('v', 3) is not None
    assert len(reports) == 1
    assert 'its states are drawn again' in reports[0]
    open_ledger()
    assert len(reports) == 1  # it is gone


def test_old_samples_serve_as_long_as_they_may_and_new_ones_before_them(open_ledger):
    ledger = begun(open_ledger(), 'a')
    old = shard('a', [1, 2])
    ledger.put(old)
    begun(ledger, 'b', 'c')
    new = shard('c', [2], seed=1)
    ledger.put(new)
    assert ledger.find('b', 1) is None
    assert torch.equal(ledger.find('b', 1, 1), old.tokens[0])
    assert ledger.find('c', 1, 1) is None
    assert torch.equal(ledger.find('c', 1, 2), old.tokens[0])
    assert torch.equal(ledger.find('c', 2, 2), new.tokens[0])
    assert ledger.find('a', 1, 5) is not None


def test_versions_that_drew_nothing_count_also_after_a_restart(open_ledger):
    begun(open_ledger(), 'a').put(shard('a', [1]))
    begun(open_ledger(), 'b')
    ledger = begun(open_ledger(), 'c')
    assert ledger.find('c', 1, 1) is None
    assert ledger.find('c', 1, 2) is not None


def test_a_version_that_was_put_back_knows_nothing_of_later_ones(open_ledger):
    ledger = begun(open_ledger(), 'a', 'b')
    ledger.put(shard('b', [1]))
    begun(ledger, 'a')
    assert ledger.find('a', 1, 9) is None
