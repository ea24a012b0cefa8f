# SPDX-License-Identifier: Apache-2.0
import pytest
from seeded_policy import SeededTestPolicy, SeededTestPolicyConfig, SPEC
import torch

from parl_learner.sampling.seeded_sampling import SeededSampling
from parl_learner.sampling.shard_ledger import ShardLedger
from parl_learner.sampling.workers import InProcess
from parl_policy.policy import SeededPolicy

STATES = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
KEYS = torch.arange(40) * 7919
ROWS = torch.arange(16)


@pytest.fixture
def policy():
    policy = SeededTestPolicy(3, SPEC, SeededTestPolicyConfig())
    assert isinstance(policy, SeededPolicy)
    return policy


@pytest.fixture
def new(policy, tmp_path):
    def make(seed=0, staleness=0, folder=tmp_path, workers=None):
        ledger = ShardLedger(folder, pytest.fail)
        about = {'seed': seed}
        return SeededSampling(policy, about, ledger, workers or InProcess(), staleness, 16)

    return make


def draw(sampling, rows=ROWS, states=STATES, keys=KEYS, count=4):
    return sampling.actions(states, keys, rows, count)


def all_of(sampling):
    return torch.cat([draw(sampling, part) for part in torch.arange(len(STATES)).split(16)])


def move(policy, by=0.5):
    with torch.no_grad():
        policy.weight += by


def test_samples_are_actions_and_the_same_at_any_time(new, policy):
    first = all_of(new())
    assert first.shape == (40, 4, 7)
    assert first.abs().max() <= 1.0
    assert policy.drawn == 40
    backwards = new(folder=None)
    order = torch.arange(39, -1, -1)
    parts = [draw(backwards, torch.tensor([39 - row]), STATES[order], KEYS[order]) for row in ROWS]
    assert torch.equal(torch.cat(parts), first[ROWS])


def test_another_version_or_seed_gives_others(new, policy):
    first = draw(new(folder=None))
    assert not torch.equal(draw(new(1, folder=None)), first)
    sampling = new()
    assert torch.equal(draw(sampling), first)
    move(policy)
    assert torch.equal(draw(sampling), first)  # it has not been told
    sampling.begin()
    assert not torch.equal(draw(sampling), first)


def test_a_killed_run_draws_only_what_is_not_on_disk(new, policy):
    first = draw(new())
    policy.drawn = 0
    again = new()
    assert torch.equal(draw(again), first)
    assert policy.drawn == 0
    all_of(again)
    assert policy.drawn == 24


def test_a_damaged_shard_is_drawn_again_the_same(policy, new, tmp_path):
    expected = all_of(new())
    for path in tmp_path.glob('shard-*'):
        path.write_bytes(path.read_bytes()[:-1])
    reports = []
    ledger = ShardLedger(tmp_path, reports.append)
    again = SeededSampling(policy, {'seed': 0}, ledger, InProcess(), 0, 16)
    policy.drawn = 0
    assert torch.equal(all_of(again), expected)
    assert policy.drawn == 40
    assert len(reports) == 4


def test_equal_states_are_drawn_once_and_new_rows_later(new, policy):
    keys = KEYS.clone()
    keys[1] = keys[0]
    states = STATES.clone()
    states[1] = states[0]
    sampling = new()
    few = draw(sampling, torch.arange(8), states[:8], keys[:8])
    assert torch.equal(few[0], few[1])
    assert policy.drawn == 7
    draw(sampling, torch.arange(8, 16), states, keys)
    assert policy.drawn == 7 + 16


def test_old_samples_serve_for_as_many_versions_as_are_allowed(new, policy):
    sampling = new(staleness=1)
    first = draw(sampling)
    move(policy)
    sampling.begin()
    policy.drawn = 0
    assert torch.equal(draw(sampling), first)
    assert policy.drawn == 0
    move(policy)
    sampling.begin()
    assert not torch.equal(draw(sampling), first)


def test_shards_may_come_in_any_order(new):
    class Backwards(InProcess):
        def draw(self, policy, orders):
            return reversed(list(super().draw(policy, orders)))

    assert torch.equal(all_of(new(folder=None, workers=Backwards())), all_of(new()))
