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


@pytest.mark.parametrize('rows', [1, 32, 512, 2560])
def test_products_keep_the_accuracy_of_float32(rows):
    choose_float32_product()
    assert error_at(rows) < 5e-6


def test_what_rounds_its_inputs_is_not_kept(monkeypatch):
    """As if 'medium' took bfloat16 here, as it does on other processors."""

    def rounding(left, right):
        exact = left.double() @ right.double()
        if torch.get_float32_matmul_precision() == 'medium':
            left, right = left.bfloat16().float(), right.bfloat16().float()
        return float((left @ right - exact).square().mean().sqrt())

    monkeypatch.setattr(float32_product, '_error', rounding)
    assert choose_float32_product() == 'highest'
