# SPDX-License-Identifier: Apache-2.0
"""Exports a version as a checkpoint: `python3 -m parl_vla.export POLICY.safetensors FOLDER`.

The folder has the released layout. Its weights are those of the base with the adapters merged, in
float32; what the network never reads, the action statistics and all other files are the base's.
"""

import argparse
from collections.abc import Iterator
import json
from pathlib import Path
import shutil
import sys

import torch

from parl_files.error import ParlError
from parl_policy.acting.actor_file import fill_policy, read_actor_config
from parl_policy.compute.device import NAMES, use_device
from parl_vla.adapters.lora import merged_weights
from parl_vla.openvla.checkpoint import (
    CONFIG,
    INDEX,
    is_unread,
    read_json,
    stored_tensors,
    write_shards,
)
from parl_vla.policies.openvla import OpenVLAPolicy


class ExportError(ParlError):
    """A version cannot be exported to that folder."""


def export(version: Path, folder: Path) -> None:
    """Write a version of OpenVLA as a checkpoint; config.json comes last.

    Args:
        version: File of the policy.
        folder: Is made.

    Raises:
        ExportError: The folder is there already, or the policy is of another class.
        ParlError: The version or its base cannot be read.
    """
    if folder.exists():
        raise ExportError(f'{folder} is there already; name a new folder')
    policy = read_actor_config(version).make_policy()
    if not isinstance(policy, OpenVLAPolicy):
        raise ExportError(f'{version} holds a {type(policy).__name__}, expected an OpenVLAPolicy')
    fill_policy(policy, version)
    base = policy.base.folder
    folder.mkdir(parents=True)
    for path in sorted(base.iterdir()):
        if path.is_file() and path.suffix != '.safetensors' and path.name not in (CONFIG, INDEX):
            shutil.copyfile(path, folder / path.name)
    write_shards(folder, _tensors(policy))
    config = read_json(base, CONFIG) | {'torch_dtype': 'float32'}
    (folder / CONFIG).write_text(json.dumps(config, indent=2), encoding='utf-8')


def _tensors(policy: OpenVLAPolicy) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the merged weights, and the base's tensors that are never read."""
    yield from merged_weights(policy.network)
    for name, tensor in stored_tensors(policy.base.folder):
        if is_unread(name, policy.network):
            yield name, tensor


def main() -> None:
    """Export what the command line names."""
    parser = argparse.ArgumentParser(prog='parl_vla.export', description=__doc__)
    parser.add_argument('version', type=Path, help="a version's file")
    parser.add_argument('folder', type=Path, help='the checkpoint to write')
    parser.add_argument('--device', choices=NAMES, default='cpu')
    arguments = parser.parse_args()
    use_device(arguments.device)
    try:
        export(arguments.version, arguments.folder)
    except ParlError as error:
        sys.exit(f'parl_vla.export: {error}')


if __name__ == '__main__':
    main()
