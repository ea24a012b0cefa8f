# SPDX-License-Identifier: Apache-2.0
"""Where a process computes: on the CPU or on a CUDA GPU.

Tensors are made on torch's default device, which holds for one thread. Versions are files of CPU
tensors, read on any machine; a run resumes on the kind of device it was begun on.
"""

import torch

from parl_files.config_file import ConfigError

NAMES = ('auto', 'cpu', 'cuda')


def use_device(name: str) -> torch.device:
    """Make this thread's tensors on a device from now on.

    Args:
        name: 'cpu', 'cuda', or 'auto' for a GPU where there is one.

    Raises:
        ConfigError: Unknown, or there is no such device.
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
    # What makes products fast on a CPU without loss would round their inputs on a GPU.
    torch.set_float32_matmul_precision('highest')
    torch.set_default_device(device)
    return device


def default_generator() -> torch.Generator:
    """The generator that torch itself draws from on this thread's device: dropout, say."""
    device = torch.get_default_device()
    if device.type == 'cuda':
        return torch.cuda.default_generators[device.index]
    return torch.default_generator


ALLOWED_ERROR = 4.0
"""Times the error of torch's default way: 8 bits instead of 24 would be thousands of times."""


def choose_float32_product() -> str:
    """Ask torch for the 'medium' precision and keep it where it turns out not to round inputs.

    'medium' permits bfloat16 inputs, but what it changes on most processors is the library: on an
    AMD EPYC float32 products became up to twice as fast with an error of 1e-6 instead of 4e-7.
    Whether a machine does round is seen by trying. Holds for the process.

    Returns:
        The setting that was kept: 'medium' or 'highest'.
    """
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
    """Root mean square error of the product as torch computes it now."""
    exact = left.double() @ right.double()
    return float((left @ right - exact).square().mean().sqrt())
