# SPDX-License-Identifier: Apache-2.0
"""Chooses where a process computes: on the CPU or on a CUDA GPU.

Tensors are made on torch's default device, which holds for one thread. Files of versions hold CPU
tensors and can be read on any machine. A run resumes on the kind of device on which it started.
"""

from pathlib import Path

import torch

from parl_files.config_file import ConfigError

NAMES = ('auto', 'cpu', 'cuda')


def use_device(name: str) -> torch.device:
    """Set the device on which this thread makes its tensors from now on.

    Args:
        name: 'cpu', 'cuda', or 'auto' for a GPU if there is one and the CPU otherwise.

    Raises:
        ConfigError: The name is unknown, or there is no such device.
    """
    if name not in NAMES:
        raise ConfigError(f'device is {name!r}, expected one of {list(NAMES)}')
    has_gpu = torch.cuda.is_available()
    if name == 'cuda' and not has_gpu:
        raise ConfigError(
            "device is 'cuda', but torch finds no GPU: install a CUDA build of torch and check "
            "nvidia-smi, or choose 'cpu'"
        )
    if name == 'cpu' or not has_gpu:
        return torch.device('cpu')
    device = torch.device('cuda', 0)
    # The 'medium' setting, fast and exact on a CPU, would round the inputs of products on a GPU.
    torch.set_float32_matmul_precision('highest')
    torch.set_default_device(device)
    return device


def default_generator() -> torch.Generator:
    """Return the generator that torch itself uses on this thread's device, e.g. for dropout."""
    device = torch.get_default_device()
    if device.type == 'cuda':
        return torch.cuda.default_generators[device.index]
    return torch.default_generator


ALLOWED_ERROR = 4.0
"""Allowed multiple of the default error; rounding inputs to 8 bits would give thousands."""


CPU_FACTS = Path('/proc/cpuinfo')


def choose_float32_product(cpu_facts: Path = CPU_FACTS) -> str:
    """Set torch's 'medium' precision for this process on an AMD processor, if it does not round.

    'medium' permits bfloat16 inputs, but on most processors it only changes the library. On an
    AMD EPYC float32 products of a learner became up to twice as fast, with an error of 1e-6
    instead of 4e-7; on an Intel Xeon its critic updates became slower, 69 ms instead of 40. The
    small products of a decision took three times as long there. A trial product shows whether this
    machine rounds; nothing is timed, so that a machine always computes the same.

    Args:
        cpu_facts: File that names the processor's maker, as Linux writes it.

    Returns:
        The setting that was kept: 'medium' or 'highest'.
    """
    if not (cpu_facts.is_file() and 'AuthenticAMD' in cpu_facts.read_text(encoding='utf-8')):
        return torch.get_float32_matmul_precision()
    draws = torch.Generator().manual_seed(0)
    matrices = [torch.randn(256, 256, generator=draws) for _ in range(2)]
    errors = {}
    for precision in ('highest', 'medium'):
        torch.set_float32_matmul_precision(precision)
        errors[precision] = _error(*matrices)
    if errors['medium'] > ALLOWED_ERROR * errors['highest']:
        torch.set_float32_matmul_precision('highest')
    return torch.get_float32_matmul_precision()


def _error(left: torch.Tensor, right: torch.Tensor) -> float:
    """Return the root mean square error of the product as torch computes it now."""
    exact = left.double() @ right.double()
    return float((left @ right - exact).square().mean().sqrt())
