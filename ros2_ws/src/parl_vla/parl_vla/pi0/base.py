# SPDX-License-Identifier: Apache-2.0
"""A pre-trained π0 that stays as it is, once in memory for all policies that adapt it.

The network is that of transformers, which is imported where it is used: it takes seconds.
"""

from collections.abc import Callable, Mapping
import copy
from dataclasses import dataclass
import functools
import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from parl_vla.openvla.checkpoint import CheckpointError, weights_hash

PROCESSOR = 'processor_config.json'
"""Where transformers' π0 keeps the mean and standard deviation of states and actions."""
ADAPTED = (
    r'model\.dit\..*\.(q|k|v|o|gate|up|down)_proj'
    r'|embed_action_time\.(state_proj|action_in_proj|action_time_mlp_in|action_time_mlp_out)'
    r'|action_out_proj'
)
"""The action expert: its blocks, and how it reads and writes states and actions."""
_NEVER_READ = {'model.dit.embed_tokens.weight'}
"""The expert gets embeddings alone; checkpoints may leave its vocabulary out."""


@dataclass(frozen=True)
class Base:
    """A pre-trained model.

    Attributes:
        folder: Of its checkpoint.
        network: A `PI0ForConditionalGeneration`, frozen.
        sha256: Of its configuration and weights.
    """

    folder: Path
    network: Any
    sha256: str

    def adapted(self, adapt: Callable[[nn.Module], None]) -> Any:  # noqa: ANN401
        """Return a network with the same frozen weights, not copied, after `adapt` changed it."""
        shared = {id(each): each for each in self.network.parameters()}
        network = copy.deepcopy(self.network, shared)
        adapt(network)
        return network

    @property
    def picture_size(self) -> int:
        """Height and width of a picture [px]."""
        size: int = self.network.config.vlm_config.vision_config.image_size
        return size

    @property
    def parts(self) -> int:
        """Parts of one picture that it reads."""
        vision = self.network.config.vlm_config.vision_config
        count: int = (vision.image_size // vision.patch_size) ** 2
        return count

    def stored_statistics(self, what: str, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and standard deviation, each (size,), that the checkpoint holds.

        Args:
            what: 'state' or 'actions'.
            size: How many numbers there must be.

        Raises:
            CheckpointError: It holds none, or of other numbers.
        """
        path = self.folder / PROCESSOR
        try:
            stored: Mapping[str, Any] = json.loads(path.read_text(encoding='utf-8'))
            mean, std = (torch.tensor(stored[f'{what}_{each}']) for each in ('mean', 'std'))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise CheckpointError(
                f'{path} gives no {what}_mean and {what}_std: {error}; '
                'choose normalisation: fitted'
            ) from error
        if mean.shape != (size,) or std.shape != (size,):
            raise CheckpointError(
                f'{path}: {what}_mean and {what}_std must hold {size} numbers each, as here; '
                'choose normalisation: fitted'
            )
        return mean, std


@functools.lru_cache(maxsize=2)
def load_base(folder: Path, kind: torch.dtype) -> Base:
    """Read a checkpoint; the same one is read once in a process.

    Args:
        folder: Of the checkpoint.
        kind: Type of the weights in memory.

    Raises:
        CheckpointError: It is not that of a π0, or lacks weights.
    """
    from transformers import PI0ForConditionalGeneration

    if not (folder / 'config.json').is_file():
        raise CheckpointError(f'{folder} has no config.json; give the folder of a π0, whole')
    with torch.random.fork_rng():  # weights are drawn before they are read
        try:
            loaded: Any = PI0ForConditionalGeneration.from_pretrained(
                folder, dtype=kind, local_files_only=True, output_loading_info=True
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise CheckpointError(f'{folder}: {error}; give the folder of a π0, whole') from error
    network, found = loaded
    # transformers only warns, and leaves such weights random.
    if wrong := sorted({*found['missing_keys'], *found['mismatched_keys']} - _NEVER_READ):
        raise CheckpointError(
            f'{folder} lacks {len(wrong)} weights, such as {wrong[0]}; is it a whole π0?'
        )
    network.model.dit.embed_tokens = None
    network.requires_grad_(False).eval().to(torch.get_default_device())
    return Base(folder, network, weights_hash(folder))
