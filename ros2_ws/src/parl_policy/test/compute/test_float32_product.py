# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from parl_policy.compute import device as float32_product
from parl_policy.compute.device import choose_float32_product


def error_at(rows):
    draws = torch.Generator().manual_seed(1)
    left, right = (torch.randn(rows, 512, generator=draws) for _ in range(2))
    exact = left.double() @ right.double().t()
    return ((left @ right.t() - exact).abs().max() / exact.abs().max()).item()


@pytest.fixture(autouse=True)
def as_it_was():
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)


@pytest.fixture
def amd(tmp_path):
    facts = tmp_path / 'cpuinfo'
    facts.write_text('vendor_id\t: AuthenticAMD\n', encoding='utf-8')
    return facts


@pytest.mark.parametrize('rows', [1, 32, 512, 2560])
def test_products_keep_the_accuracy_of_float32(rows, amd):
    choose_float32_product(amd)
    assert error_at(rows) < 5e-6


@pytest.mark.parametrize('text', ['vendor_id\t: GenuineIntel\n', None])
def test_other_processors_keep_torch_s_own_setting(tmp_path, text):
    facts = tmp_path / 'cpuinfo'
    if text is not None:
        facts.write_text(text, encoding='utf-8')
    assert choose_float32_product(facts) == 'highest'


def test_what_rounds_its_inputs_is_not_kept(monkeypatch, amd):
    """As if 'medium' took bfloat16 here, as it does on other processors."""

    def rounding(left, right):
        exact = left.double() @ right.double()
        if torch.get_float32_matmul_precision() == 'medium':
            left, right = left.bfloat16().float(), right.bfloat16().float()
        return float((left @ right - exact).square().mean().sqrt())

    monkeypatch.setattr(float32_product, '_error', rounding)
    assert choose_float32_product(amd) == 'highest'
