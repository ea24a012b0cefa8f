# SPDX-License-Identifier: Apache-2.0
import json

import pytest
import safetensors.torch
import torch

from parl_policy.acting.weights_file import (
    FORMAT_VERSION,
    load_weights,
    weights_to_bytes,
    WeightsDamagedError,
    WeightsFileError,
    WeightsNotFiniteError,
    WeightsVersionError,
)

METADATA = {'config': {'hidden': [256, 256]}, 'parents': ['episode-000001-0123456789abcdef.mcap']}


def tensors():
    torch.manual_seed(0)
    return {
        'layer.weight': torch.randn(8, 5),
        'layer.bias': torch.randn(8),
        'steps': torch.tensor(12),
    }


def test_round_trip(tmp_path):
    path = tmp_path / 'w.safetensors'
    path.write_bytes(weights_to_bytes(tensors(), METADATA))
    loaded, metadata = load_weights(path)
    assert metadata == METADATA
    assert loaded.keys() == tensors().keys()
    for name, tensor in tensors().items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)


def test_same_weights_give_the_same_bytes():
    backwards = dict(reversed(tensors().items()))
    assert weights_to_bytes(tensors(), METADATA) == weights_to_bytes(
        backwards, dict(reversed(METADATA.items()))
    )


def test_views_and_shared_memory_are_stored_by_value(tmp_path):
    matrix = torch.arange(6.0).reshape(2, 3)
    path = tmp_path / 'w.safetensors'
    path.write_bytes(weights_to_bytes({'a': matrix.T, 'b': matrix}, {}))
    loaded, _ = load_weights(path)
    assert loaded['a'].tolist() == [[0, 3], [1, 4], [2, 5]]


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    bad = tensors()
    bad['layer.bias'][3] = value
    with pytest.raises(WeightsNotFiniteError, match=r'layer\.bias has 1 of 8 values'):
        weights_to_bytes(bad, METADATA)
    header = {'parl': json.dumps({'format_version': FORMAT_VERSION, 'metadata': {}})}
    (tmp_path / 'w').write_bytes(safetensors.torch.save(bad, header))
    with pytest.raises(WeightsNotFiniteError, match='weights file'):
        load_weights(tmp_path / 'w')


def test_metadata_must_be_json():
    with pytest.raises(WeightsFileError, match='not JSON serializable'):
        weights_to_bytes(tensors(), {'config': torch.zeros(1)})


@pytest.mark.parametrize('header', [None, {'parl': '{"format_version": 99, "metadata": {}}'}])
def test_other_format_versions_are_named(tmp_path, header):
    path = tmp_path / 'w.safetensors'
    path.write_bytes(safetensors.torch.save(tensors(), header))
    with pytest.raises(WeightsVersionError, match=f'this program reads {FORMAT_VERSION}'):
        load_weights(path)


def test_damaged_files_are_named(tmp_path):
    path = tmp_path / 'w.safetensors'
    whole = weights_to_bytes(tensors(), METADATA)
    for damaged in (b'', b'short', whole[:40], whole[:-1], b'\xff' * 200, whole + b'more'):
        path.write_bytes(damaged)
        with pytest.raises(WeightsDamagedError, match=f'{path}: .*; delete it') as caught:
            load_weights(path)
        assert caught.value.problem.startswith(f'weights file {path}: ')
        assert 'delete it' not in caught.value.problem
    with pytest.raises(WeightsDamagedError, match='No such file'):
        load_weights(tmp_path / 'missing.safetensors')
