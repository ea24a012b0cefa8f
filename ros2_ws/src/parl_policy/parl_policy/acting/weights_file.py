# SPDX-License-Identifier: Apache-2.0
"""Writes and reads a policy or critic version as one safetensors file with its metadata."""

from collections.abc import Mapping
import json
from pathlib import Path
import struct
from typing import Any

from safetensors import SafetensorError
import safetensors.torch
import torch

from parl_files.error import ParlError

FORMAT_VERSION = 1

# Only one key: safetensors does not keep the order of several, and equal weights must give equal
# bytes.
_METADATA_KEY = 'parl'


class WeightsFileError(ParlError):
    """Weights cannot be saved or loaded; base of the errors below.

    Attributes:
        problem: What is wrong, without the remedy, because other readers give their own remedy.
    """

    def __init__(self, problem: str, remedy: str = '') -> None:
        self.problem = problem
        super().__init__(f'{problem}; {remedy}' if remedy else problem)


class WeightsVersionError(WeightsFileError):
    """The file has another format version, or PARL did not write it."""


class WeightsDamagedError(WeightsFileError):
    """The file is missing, truncated, altered, or not a safetensors file."""


class WeightsNotFiniteError(WeightsFileError):
    """A weight is NaN or infinite."""


def weights_to_bytes(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, Any]) -> bytes:
    """Serialise weights; the same weights and metadata always give the same bytes.

    Args:
        tensors: Tensors of any shape on any device, by name.
        metadata: Data for JSON: the configuration to rebuild the network, and the versions from
            which it was made.

    Returns:
        The content of a safetensors file.

    Raises:
        WeightsNotFiniteError: A weight is NaN or infinite; such a version is never published.
        WeightsFileError: JSON cannot hold the metadata.
    """
    _check_finite(tensors, 'weights to save')
    try:
        header = json.dumps(
            {'format_version': FORMAT_VERSION, 'metadata': dict(metadata)},
            sort_keys=True,
            allow_nan=False,
        )
    except (TypeError, ValueError) as error:
        raise WeightsFileError(
            f'metadata of weights: {error}', 'use only what JSON can hold'
        ) from error
    own = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    return safetensors.torch.save(own, {_METADATA_KEY: header})


def load_weights(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read weights from a file as CPU tensors.

    Returns:
        The tensors by name, and the metadata.

    Raises:
        WeightsDamagedError: The file is missing, truncated or altered.
        WeightsVersionError: The file has another format version, or PARL did not write it.
        WeightsNotFiniteError: A weight is NaN or infinite.
    """
    try:
        data = Path(path).read_bytes()
        header = _header(data)
        tensors = safetensors.torch.load(data)
    except (OSError, SafetensorError, ValueError, struct.error) as error:
        raise WeightsDamagedError(
            f'weights file {path}: {error}', 'delete it and fetch or train that version again'
        ) from error
    if not isinstance(header, dict) or header.get('format_version') != FORMAT_VERSION:
        found = header.get('format_version') if isinstance(header, dict) else None
        raise WeightsVersionError(
            f'weights file {path}: format version {found}, this program reads {FORMAT_VERSION}',
            'use the PARL version that wrote it, or train again',
        )
    _check_finite(tensors, f'weights file {path}')
    return tensors, header['metadata']


def _header(data: bytes) -> object:
    """Return our metadata from the file's header: 8 bytes little-endian length, then JSON."""
    (length,) = struct.unpack_from('<Q', data)
    if length > len(data) - 8:
        raise ValueError('file ends inside its header')
    described = json.loads(data[8 : 8 + length]).get('__metadata__', {})
    return json.loads(described.get(_METADATA_KEY, 'null'))


def _check_finite(tensors: Mapping[str, torch.Tensor], where: str) -> None:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            bad = int((~torch.isfinite(tensor)).sum())
            raise WeightsNotFiniteError(
                f'{where}: tensor {name} has {bad} of {tensor.numel()} values NaN or infinite',
                'go back to the version before and lower the learning rate',
            )
