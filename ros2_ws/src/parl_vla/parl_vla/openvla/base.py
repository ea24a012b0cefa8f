# SPDX-License-Identifier: Apache-2.0
"""A pre-trained OpenVLA that stays as it is, once in memory for all policies that adapt it."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
import copy
from dataclasses import dataclass, field
import functools
import hashlib
from pathlib import Path
from typing import Any

import torch

from parl_policy.compute.memory import free_memory
from parl_policy.episode.action_space import ACTION_DIM
from parl_vla.openvla.action_bins import action_ids, action_statistics, ActionStatistics
from parl_vla.openvla.checkpoint import (
    CheckpointError,
    CONFIG,
    load_network,
    read_files,
    weights_hash,
)
from parl_vla.openvla.memory import memory_need, PICTURES_AT_ONCE
from parl_vla.openvla.network import network_config, OpenVLANetwork
from parl_vla.openvla.pixels import Preprocessor
from parl_vla.openvla.prompt import Prompt

SEEN_BYTES = 1 << 30
"""Memory for what the frozen towers made of pictures: 480 of OpenVLA's, all of a small model's."""


@dataclass(frozen=True)
class Base:
    """A pre-trained model.

    Attributes:
        folder: Of its checkpoint.
        network: Frozen.
        prompt: Its tokenizer.
        preprocessor: Prepares its pictures.
        action_ids: Range of its 256 ids of actions.
        datasets: Action statistics by the name of the dataset, as stored.
        sha256: Of its configuration and weights.
    """

    folder: Path
    network: OpenVLANetwork
    prompt: Prompt
    preprocessor: Preprocessor
    action_ids: slice
    datasets: dict[str, object]
    sha256: str
    _seen: OrderedDict[bytes, torch.Tensor] = field(default_factory=OrderedDict)

    @property
    def features(self) -> int:
        """Features of a patch of the towers (F)."""
        return self.network.config.features

    @property
    def patches(self) -> int:
        """Patches of a picture (P)."""
        return self.network.config.towers[0].patches

    def __deepcopy__(self, memo: object) -> 'Base':
        """Return the same: it is frozen, and once in memory."""
        return self

    def statistics(self, key: str, size: int) -> ActionStatistics:
        """Return the action statistics of a dataset, as `action_statistics` does."""
        return action_statistics(self.datasets, key, size)

    def adapted(self, adapt: Callable[[OpenVLANetwork], None]) -> OpenVLANetwork:
        """Return a network with the same frozen weights, not copied, after `adapt` changed it."""
        shared = {id(each): each for each in self.network.parameters()}
        network = copy.deepcopy(self.network, shared)
        adapt(network)
        return network

    @torch.no_grad()
    def see(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return the towers' features (B, P, F) of pictures (B, h, w, 3) uint8.

        A picture that was seen lately is not seen again: the towers are frozen.
        """
        raw = pictures.cpu().numpy()
        shape = repr(raw.shape[1:]).encode()
        keys = [hashlib.blake2b(shape + each.tobytes(), digest_size=16).digest() for each in raw]
        new = {key: row for row, key in enumerate(keys) if key not in self._seen}
        rows = torch.tensor(list(new.values()), dtype=torch.long)
        found = {key: self._seen[key] for key in keys if key in self._seen}
        at_once = 1 if len(keys) == 1 else PICTURES_AT_ONCE  # one alone: somebody waits for it
        for part in rows.split(at_once) if len(rows) else ():
            block = part[torch.arange(at_once).clamp(max=len(part) - 1)]
            pixels = self.preprocessor(pictures[block.to(pictures.device)])
            kind = next(self.network.parameters()).dtype
            features = self.network.see(pixels.to(torch.get_default_device(), kind))
            found |= {keys[row]: features[i].clone() for i, row in enumerate(part.tolist())}
        self._remember(found)
        return torch.stack([found[key] for key in keys])

    def _remember(self, found: dict[bytes, torch.Tensor]) -> None:
        for key, features in found.items():
            self._seen[key] = features
            self._seen.move_to_end(key)
        size = features.numel() * features.element_size()
        while len(self._seen) * size > SEEN_BYTES:
            self._seen.popitem(last=False)


@functools.lru_cache(maxsize=2)
def load_base(folder: Path, kind: torch.dtype) -> Base:
    """Read a checkpoint; the same one is read once in a process.

    Args:
        folder: Of the checkpoint.
        kind: Type of the weights in memory.

    Raises:
        CheckpointError, CheckpointConfigError, PreprocessorError, TokenizerError: It cannot be
            used; the message names file and remedy.
        TooLittleMemoryError: It does not fit on the default device; nothing was loaded.
    """
    files = read_files(folder)
    vocabulary = _vocabulary(folder, files.config)
    need = memory_need(network_config(files.config), kind, samples=1, numbers=ACTION_DIM)
    need.check(free_memory(), str(folder))
    return Base(
        folder,
        load_network(folder, kind),
        Prompt(files.tokenizer),
        Preprocessor(files.preprocessor),
        action_ids(vocabulary),
        dict(files.config.get('norm_stats', {})),
        weights_hash(folder),
    )


def _vocabulary(folder: Path, config: Mapping[str, Any]) -> int:
    """Return the size of the vocabulary without its padding, behind which the actions end.

    Raises:
        CheckpointError: config.json lacks one of the two sizes.
    """
    size = (config.get('text_config') or {}).get('vocab_size')
    padding = config.get('pad_to_multiple_of')
    if isinstance(size, int) and isinstance(padding, int):
        return size - padding
    sizes = {'text_config.vocab_size': size, 'pad_to_multiple_of': padding}
    lost = [key for key, value in sizes.items() if not isinstance(value, int)]
    raise CheckpointError(
        f'{folder / CONFIG} lacks {" and ".join(lost)}, which say where the ids of actions lie; '
        "take config.json of the release that the weights are of (OpenVLA's has "
        'text_config.vocab_size 32064 and pad_to_multiple_of 64)'
    )


def towers(model: str) -> Base:
    """Return a checkpoint's towers, as the backbone of a critic's encoder.

    On a GPU they are those of a policy whose precision is bfloat16, on a CPU of one of float32.
    """
    on_gpu = torch.get_default_device().type == 'cuda'
    return load_base(Path(model).expanduser(), torch.bfloat16 if on_gpu else torch.float32)
