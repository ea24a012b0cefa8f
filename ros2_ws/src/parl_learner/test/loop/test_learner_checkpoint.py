# SPDX-License-Identifier: Apache-2.0
"""A checkpoint that does not belong to configuration, code or episodes is named."""

from dataclasses import replace

import pytest
from small_learner import new_learner, versions, work_off
import torch

from parl_files.config_file import ConfigError
from parl_learner.loop.checkpoint import CheckpointError
from parl_policy.acting.weights_file import load_weights, weights_to_bytes


def test_another_configuration_is_refused(experiment, learning, store, put, recorded):
    put(*recorded[:2])
    work_off(new_learner(experiment(), store))
    changed = replace(experiment(), learning=learning(discount=0.95))
    with pytest.raises(CheckpointError, match=r'discount was 0\.99 and is 0\.95'):
        new_learner(changed, store)
    changed = replace(experiment(), learning=learning(policy={'hidden': 16}))
    with pytest.raises(
        CheckpointError, match=r'policy\..* was .* and is .*; continue with the old'
    ):
        new_learner(changed, store)


def test_a_setting_added_after_the_checkpoint_counts_with_its_default(
    experiment, store, put, recorded
):
    put(*recorded[:2])
    work_off(new_learner(experiment(), store))
    path = store.folder / 'learner.checkpoint'
    tensors, metadata = load_weights(path)
    del metadata['config']['action_horizon']
    path.write_bytes(weights_to_bytes(tensors, metadata))
    assert new_learner(experiment(), store).loop.counters.version == 1


def test_a_damaged_checkpoint_may_be_removed(experiment, store, put, recorded, uninterrupted):
    put(*recorded)
    work_off(new_learner(experiment(), store))
    path = store.folder / 'learner.checkpoint'
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(
        CheckpointError, match=r'learner\.checkpoint: .*put a copy of it back'
    ) as e:
        new_learner(experiment(), store)
    assert 'delete it' not in str(e.value)
    assert 'may also be removed; then everything is learned again' in str(e.value)
    path.unlink()
    for name in versions(store):
        store.path(name).unlink()
    work_off(new_learner(experiment(), store))
    assert versions(store) == uninterrupted(experiment())[0]


def add_a_counter(tensors, metadata):
    metadata['counters']['naps'] = 3


def forget_a_counter(tensors, metadata):
    del metadata['counters']['critic_steps']


def forget_the_rounds(tensors, metadata):
    del metadata['rounds']


def forget_the_draws(tensors, metadata):
    del tensors['random']


def forget_a_weight(tensors, metadata):
    del tensors['critic_trainer/critic/members.0.head.weight']


def forget_the_cache(tensors, metadata):
    del tensors['cache/actions']


def widen_a_layer(tensors, metadata):
    tensors['critic_trainer/critic/members.0.head.bias'] = torch.zeros(5)


def add_a_setting(tensors, metadata):
    metadata['config']['momentum'] = 0.9


@pytest.mark.parametrize(
    'change',
    [
        add_a_counter,
        forget_a_counter,
        forget_the_rounds,
        forget_the_draws,
        forget_a_weight,
        forget_the_cache,
        widen_a_layer,
        add_a_setting,
    ],
)
def test_a_checkpoint_of_another_version_of_the_code_is_named(
    experiment, store, put, recorded, change
):
    put(*recorded[:2])
    work_off(new_learner(experiment(), store))
    path = store.folder / 'learner.checkpoint'
    tensors, metadata = load_weights(path)
    change(tensors, metadata)
    path.write_bytes(weights_to_bytes(tensors, metadata))
    words = f'{path}.* written by another version of the code.*continue with that version, or'
    with pytest.raises((CheckpointError, ConfigError), match=words):
        new_learner(experiment(), store)
