# SPDX-License-Identifier: Apache-2.0
"""Reads and writes folders in the layout of OpenVLA's released checkpoint."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
import hashlib
import json
from pathlib import Path
import re
from typing import Any

from safetensors import safe_open, SafetensorError
from safetensors.torch import save_file
import torch

from parl_files.error import ParlError
from parl_vla.openvla.network import network_config, OpenVLANetwork

CONFIG, PREPROCESSOR, TOKENIZER = 'config.json', 'preprocessor_config.json', 'tokenizer.json'
STATISTICS = 'dataset_statistics.json'
"""Holds the action statistics of a checkpoint that was fine-tuned; else config.json does."""
INDEX, WEIGHTS = 'model.safetensors.index.json', 'model.safetensors'
SHARD_BYTES = 5 << 30
"""Weights in a file that is written, as released."""
_TOWER = r'vision_backbone\.(featurizer|fused_featurizer)\.'


class CheckpointError(ParlError):
    """A checkpoint's folder cannot be used; the message names file and remedy."""


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Read a file of a checkpoint.

    Raises:
        CheckpointError: It is missing or damaged.
    """
    path = folder / name
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f'{path}: {error}; `model` must be the folder of a checkpoint of OpenVLA, whole'
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(f'{path} holds a {type(content).__name__}, expected a mapping')
    return content


def shards(folder: Path) -> list[Path]:
    """Return the files of a checkpoint's weights.

    Raises:
        CheckpointError: One is missing, or the index is damaged.
    """
    names = {WEIGHTS}
    if (folder / INDEX).exists():
        places = read_json(folder, INDEX).get('weight_map')
        if not isinstance(places, dict):
            raise CheckpointError(f'{folder / INDEX} has no weight_map; download it again')
        names = set(places.values())
    missing = [name for name in sorted(names) if not (folder / name).is_file()]
    if missing:
        raise CheckpointError(
            f'{folder} lacks {", ".join(missing)}; download the checkpoint again, it is not whole'
        )
    return [folder / name for name in sorted(names)]


def stored_tensors(folder: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the name and value of each stored tensor, one in memory at a time.

    Raises:
        CheckpointError: A file is damaged.
    """
    for path in shards(folder):
        try:
            with safe_open(path, framework='pt') as file:
                for name in file.keys():  # noqa: SIM118 - it is no mapping
                    yield name, file.get_tensor(name)
        except SafetensorError as error:
            raise CheckpointError(f'{path}: {error}; download it again') from error


def weights_hash(folder: Path) -> str:
    """Return the SHA-256 of a checkpoint's configuration and weights; 15 GB take half a minute."""
    digest = hashlib.sha256()
    for path in [folder / CONFIG, *shards(folder)]:
        with path.open('rb') as file:
            digest.update(hashlib.file_digest(file, 'sha256').digest())
    return digest.hexdigest()


def is_unread(name: str, network: OpenVLANetwork) -> bool:
    """Return whether a stored tensor belongs to what the released model never computes.

    These are the last block and the norm of each tower, and the pooling of SigLIP.
    """
    last = [tower.blocks for tower in network.config.towers]
    patterns = [
        rf'{_TOWER}(norm|attn_pool)\.',
        rf'vision_backbone\.featurizer\.blocks\.{last[0]}\.',
        rf'vision_backbone\.fused_featurizer\.blocks\.{last[1]}\.',
        r'language_model\.model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq$',
    ]
    return any(re.match(pattern, name) for pattern in patterns)


def load_network(folder: Path, kind: torch.dtype) -> OpenVLANetwork:
    """Read a network, tensor by tensor, on the default device; it is frozen.

    Args:
        folder: Of the checkpoint.
        kind: Type of the weights in memory.

    Raises:
        CheckpointError: A tensor is missing, unknown or of another shape.
        CheckpointConfigError: config.json describes no network that is known here.
    """
    with torch.device('meta'):
        network = OpenVLANetwork(network_config(read_json(folder, CONFIG)))
    missing, device = dict(network.state_dict()), torch.get_default_device()
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in stored_tensors(folder):
        if name not in missing:
            if is_unread(name, network):
                continue
            raise CheckpointError(f'{folder} holds the unknown tensor {name}; is it an OpenVLA?')
        if tensor.shape != missing[name].shape:
            raise CheckpointError(
                f'{folder}: {name} is {tuple(tensor.shape)}, expected {tuple(missing[name].shape)}'
            )
        del missing[name]
        tensors[name] = tensor.to(device, kind)
    if missing:
        raise CheckpointError(
            f'{folder} lacks {len(missing)} tensors, such as {next(iter(missing))}; download it '
            'again'
        )
    network.load_state_dict(tensors, assign=True)  # once: each call walks all modules
    return network.requires_grad_(False).eval()


@dataclass(frozen=True)
class CheckpointFiles:
    """What a checkpoint's folder holds beside its weights.

    Attributes:
        config: config.json, with the network's shape and perhaps `norm_stats`.
        preprocessor: preprocessor_config.json.
        tokenizer: Content of tokenizer.json.
    """

    config: Mapping[str, Any]
    preprocessor: Mapping[str, Any]
    tokenizer: str


def read_files(folder: Path) -> CheckpointFiles:
    """Read what a checkpoint's folder holds beside its weights.

    Raises:
        CheckpointError: A file is missing or damaged.
    """
    config = read_json(folder, CONFIG)
    if (folder / STATISTICS).exists():
        config['norm_stats'] = read_json(folder, STATISTICS)
    read_json(folder, TOKENIZER)
    tokenizer = (folder / TOKENIZER).read_text(encoding='utf-8')
    return CheckpointFiles(config, read_json(folder, PREPROCESSOR), tokenizer)


def write_shards(folder: Path, tensors: Iterable[tuple[str, torch.Tensor]]) -> None:
    """Write weights in files of about SHARD_BYTES and their index; one file's are in memory.

    Args:
        folder: Is there.
        tensors: Names and values.
    """
    places: dict[str, str] = {}
    shard: dict[str, torch.Tensor] = {}
    total = size = number = 0

    def write() -> None:
        file = f'model-{number:05}.safetensors'
        save_file(shard, folder / file, metadata={'format': 'pt'})
        places.update(dict.fromkeys(shard, file))

    for name, tensor in tensors:
        if size >= SHARD_BYTES:
            write()
            shard, size, number = {}, 0, number + 1
        shard[name] = tensor.contiguous().cpu()
        size += tensor.nbytes
        total += tensor.nbytes
    write()
    index = {'metadata': {'total_size': total}, 'weight_map': places}
    (folder / INDEX).write_text(json.dumps(index, indent=2), encoding='utf-8')


def write_checkpoint(
    folder: Path, files: CheckpointFiles, tensors: Mapping[str, torch.Tensor]
) -> None:
    """Write a folder that `load_network` and OpenVLA's own code read; config.json comes last.

    Args:
        folder: Is made.
        files: What lies beside the weights.
        tensors: Weights by their names, with those that are never read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous().cpu() for k, v in tensors.items()}, folder / WEIGHTS)
    (folder / TOKENIZER).write_text(files.tokenizer, encoding='utf-8')
    for name, content in ((PREPROCESSOR, files.preprocessor), (CONFIG, files.config)):
        (folder / name).write_text(json.dumps(content, indent=2), encoding='utf-8')
