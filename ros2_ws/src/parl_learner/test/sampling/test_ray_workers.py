# SPDX-License-Identifier: Apache-2.0
"""Two real workers, of which one is killed."""

import itertools
import os
from pathlib import Path
import signal
import sys

import pytest
from seeded_policy import SPEC
import torch

from parl_files.config_file import ConfigError
from parl_learner.sampling.new_sampling import new_sampling
from parl_learner.sampling.sampling_config import SamplingConfig
from parl_learner.sampling.shard import Order, version_of
from parl_learner.sampling.workers import InProcess, WorkersError
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor_file import ActorConfig
from parl_policy.critics.critic import CriticConfig

COUNT = 4


@pytest.fixture(scope='module')
def actor():
    """An actor whose policy is made quickly, in another process too."""
    return ActorConfig(
        policy_class='seeded_policy:SeededTestPolicy',
        policy={},
        critic=CriticConfig(),
        optimisation=ActionOptimisationConfig(),
        choice='softmax',
        observation_names=('a', 'b'),
        action_spec=SPEC,
    )


@pytest.fixture(scope='module')
def workers(actor):
    """Two workers, and what they report."""
    ray_workers = pytest.importorskip('parl_learner.sampling.ray_workers', reason='no Ray here')
    import ray

    here = str(Path(__file__).parents[1])  # where the policy's module is
    path = os.environ.get('PYTHONPATH', '')
    os.environ['PYTHONPATH'] = f'{here}:{path}'
    reports = []
    try:
        made = ray_workers.RayWorkers(actor, 2, None, reports.append)
    except WorkersError as error:
        pytest.skip(str(error))
    yield made, reports
    made.close()
    ray.shutdown()
    os.environ['PYTHONPATH'] = path


def orders(policy, shards=6, size=8):
    version = version_of(policy.state_dict(), {})
    for number in range(shards):
        draws = torch.Generator().manual_seed(number)
        states = torch.randn(size, 2, generator=draws)
        keys = torch.arange(size) + size * number
        yield Order(version, keys, states, COUNT)


def by_first_key(shards):
    return {int(shard.keys[0]): shard for shard in shards}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for key, shard in expected.items():
        assert found[key].version == shard.version
        assert torch.equal(found[key].keys, shard.keys)
        assert torch.equal(found[key].tokens, shard.tokens)
        assert torch.equal(found[key].log_probs, shard.log_probs)


def move(policy, seed):
    with torch.no_grad():
        policy.weight.fill_(float(seed))


def test_a_killed_worker_changes_nothing_and_a_new_version_is_taken(actor, workers):
    made, reports = workers
    policy = actor.make_policy()
    move(policy, 1)
    expected = by_first_key(InProcess().draw(policy, orders(policy)))
    assert len(torch.unique(torch.cat([each.tokens for each in expected.values()]))) > 50
    drawing = made.draw(policy, orders(policy))
    found = list(itertools.islice(drawing, 2))
    place = next(each for each in made.places if each is not None)
    os.kill(place[1], signal.SIGKILL)
    assert_same(by_first_key([*found, *drawing]), expected)
    assert any(f'process {place[1]} on ' in each and 'died' in each for each in reports)
    move(policy, 2)
    again = by_first_key(InProcess().draw(policy, orders(policy, 2)))
    assert not torch.equal(again[0].tokens, expected[0].tokens)
    assert_same(by_first_key(made.draw(policy, orders(policy, 2))), again)


def test_without_ray_the_error_names_the_remedy(actor, monkeypatch):
    monkeypatch.setitem(sys.modules, 'parl_learner.sampling.ray_workers', None)
    config = SamplingConfig(workers=2)
    with pytest.raises(ConfigError, match=r'sampling\.workers is 2, but .*pip install ray'):
        new_sampling(config, actor, actor.make_policy(), 0, None, pytest.fail, 8)


def test_ray_that_does_not_start_is_explained_after_three_attempts(monkeypatch):
    ray = pytest.importorskip('ray', reason='no Ray here')
    from parl_learner.sampling.ray_cluster import join

    asked = []

    def give_up(**settings):
        asked.append(settings['address'])
        raise Exception('timed out')

    monkeypatch.setattr(ray, 'is_initialized', lambda: False)
    monkeypatch.setattr(ray, 'shutdown', lambda: None)
    monkeypatch.setattr(ray, 'init', give_up)
    with pytest.raises(WorkersError, match=r'in 3 attempts: timed out; .*workers to 0'):
        join(2, None)
    with pytest.raises(WorkersError, match=r'head:6379 cannot be joined .* RAY_AUTH_TOKEN'):
        join(2, 'head:6379')
    assert asked == ['local'] * 3 + ['head:6379'] * 3
