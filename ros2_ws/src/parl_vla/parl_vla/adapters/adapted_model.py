# SPDX-License-Identifier: Apache-2.0
"""Which pre-trained model the adapters of a version adapt: its hash travels with them."""

from collections.abc import Mapping
from pathlib import Path

import torch

KEY = 'base_sha256'
"""Name of the hash among the tensors of a version."""


def hash_tensor(sha256: str) -> torch.Tensor:
    """Return a hash as a tensor (32,) uint8, to stand in a version's file."""
    return torch.tensor(list(bytes.fromhex(sha256)), dtype=torch.uint8)


def check_adapted(state: Mapping[str, torch.Tensor], sha256: str, folder: Path) -> None:
    """Refuse the tensors of a version that adapts another model than the one in a folder.

    Raises:
        KeyError: The hash is missing.
        RuntimeError: It is of another model.
    """
    adapted = bytes(state[KEY].cpu().tolist()).hex()
    if adapted != sha256:
        raise RuntimeError(
            f'its adapters are of a checkpoint with hash {adapted[:12]}…, but '
            f'{folder} has {sha256[:12]}…; give the folder of that one'
        )
