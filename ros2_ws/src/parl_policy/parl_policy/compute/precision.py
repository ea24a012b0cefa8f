# SPDX-License-Identifier: Apache-2.0
"""Says on which devices bfloat16 saves time; on all others it costs many times as much."""

from typing import Literal

import torch

from parl_files.config_file import ConfigError

Precision = Literal['float32', 'bfloat16']

CPU_FLAGS = ('avx512_bf16', 'amx_bf16', 'bf16', 'sve_bf16')
"""Flags of processors that multiply bfloat16, as torch names them: two of x86, two of ARM."""


def slow_because(precision: Precision) -> str:
    """Say why this precision is slow on this thread's device; empty if it is not.

    Without products of its own a device emulates those of bfloat16.
    """
    if precision == 'float32':
        return ''
    if torch.get_default_device().type == 'cuda':
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return ''
        return f'{torch.cuda.get_device_name()}: no bfloat16 products'
    found = torch.cpu.get_capabilities()
    if any(found.get(flag, False) for flag in CPU_FLAGS):
        return ''
    return (
        f'this processor ({found.get("cpu_name", "of unknown name")}) has none of the flags '
        f'{", ".join(CPU_FLAGS)}: no bfloat16 products'
    )


def check_precision(precision: Precision) -> None:
    """Refuse to learn at a precision that is slow on this thread's device.

    Raises:
        ConfigError: The message names the setting, what the device lacks, and the remedy.
    """
    reason = slow_because(precision)
    if reason:
        raise ConfigError(
            f'learning.optimisation.precision is {precision!r}, but {reason}. Emulated ones take '
            "2 to 40 times as long as float32: choose 'float32', or a device that has them"
        )
