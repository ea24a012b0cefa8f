# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from parl_files.config_file import ConfigError
from parl_policy.compute.precision import check_precision, slow_because


@pytest.fixture
def has(monkeypatch):
    """As if the processor had just these flags."""

    def set_flags(**flags):
        found = {'cpu_name': 'Fake 9', 'avx512_f': True} | flags
        monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: found)

    return set_flags


def test_learning_in_bfloat16_is_refused_without_such_products(has):
    has(avx512_bf16=False, amx_bf16=False)
    words = (
        r"learning.optimisation.precision is 'bfloat16', but this processor \(Fake 9\) has none "
        r"of the flags avx512_bf16, amx_bf16, bf16, sve_bf16: .* choose 'float32', or a device"
    )
    with pytest.raises(ConfigError, match=words):
        check_precision('bfloat16')
    check_precision('float32')


@pytest.mark.parametrize('flag', ['avx512_bf16', 'amx_bf16', 'bf16', 'sve_bf16'])
def test_it_is_taken_where_there_are(has, flag):
    has(**{flag: True})
    assert slow_because('bfloat16') == ''
    check_precision('bfloat16')


@pytest.mark.parametrize('has_products', [True, False])
def test_a_gpu_is_asked_itself(has, monkeypatch, has_products):
    has()
    monkeypatch.setattr(torch, 'get_default_device', lambda: torch.device('cuda', 0))
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda: 'Fake T')
    monkeypatch.setattr(torch.cuda, 'is_bf16_supported', lambda including_emulation: has_products)
    assert slow_because('bfloat16') == ('' if has_products else 'Fake T: no bfloat16 products')
