# SPDX-License-Identifier: Apache-2.0
"""Settings of an OpenVLA policy, and what small files tell about it before it is loaded."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Self

import torch

from parl_policy.compute.memory import MemoryNeed
from parl_policy.doctor.finding import Finding, judge
from parl_policy.episode.action_space import ACTION_DIM
from parl_policy.observations import PictureConfig
from parl_vla.adapters.lora import LoraConfig
from parl_vla.openvla.action_bins import action_statistics, ActionStatisticsError
from parl_vla.openvla.checkpoint import read_files
from parl_vla.openvla.examination import statistics_finding
from parl_vla.openvla.memory import memory_need
from parl_vla.openvla.network import network_config


@dataclass(frozen=True, kw_only=True)
class OpenVLAPolicyConfig:
    """Settings; the checkpoint gives the rest."""

    reads_instruction: ClassVar[bool] = True
    reads_numbers: ClassVar[bool] = False

    model: str
    """Folder of a checkpoint in the released layout."""
    unnorm_key: str = 'bridge_orig'
    """Dataset of the checkpoint whose action statistics hold."""
    pictures: Mapping[str, PictureConfig]
    """The camera that it sees, and the part and size of its picture."""
    temperature: float = 1.0
    """Divides the logits of the 256 bins when actions are drawn, and when they are taught."""
    top_k: int | None = None
    """Draws only from so many of the likeliest bins; the release takes 50 of the vocabulary."""
    label_width: float = 0.0
    """Standard deviation of a label over neighbouring bins [bins]; 0: the whole weight on one bin.

    Ten steps up the critic move an action by about half a bin, which a label of one bin mostly
    loses.
    """
    lora: LoraConfig = field(default_factory=LoraConfig)
    """Size of the adapters that learn."""
    precision: Literal['float32', 'bfloat16'] = 'float32'
    """Type of the frozen weights; adapters are float32."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if len(self.pictures) != 1:
            raise ValueError(f'pictures must name one camera: {sorted(self.pictures)}')
        if not self.temperature > 0.0 or not self.label_width >= 0.0:
            raise ValueError(f'temperature must be above 0 and label_width 0 or more: {self}')
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f'top_k must be at least 1: {self.top_k}')
        if self.precision not in ('float32', 'bfloat16'):
            raise ValueError(f"precision is {self.precision!r}, expected 'float32' or 'bfloat16'")

    @classmethod
    def of_checkpoint(cls, folder: Path) -> Self:
        """Return default settings for a checkpoint, in the type of its file."""
        stored = read_files(folder).config.get('torch_dtype')
        return cls(
            model=str(folder),
            pictures={'camera': PictureConfig()},
            precision='bfloat16' if stored == 'bfloat16' else 'float32',
        )

    @property
    def folder(self) -> Path:
        """Folder of the checkpoint."""
        return Path(self.model).expanduser()

    @property
    def kind(self) -> torch.dtype:
        """Type of the frozen weights."""
        return torch.float32 if self.precision == 'float32' else torch.bfloat16

    def memory_need(self, samples: int, horizon: int) -> MemoryNeed:
        """Estimate what acting takes, before the weights are read."""
        shape = network_config(read_files(self.folder).config)
        return memory_need(shape, self.kind, samples, horizon * ACTION_DIM, self.lora)

    def examine_files(self) -> Iterator[Finding]:
        """Examine the action statistics, before the weights are read."""
        stored = read_files(self.folder).config.get('norm_stats', {})
        try:
            statistics = action_statistics(stored, self.unnorm_key, ACTION_DIM)
        except ActionStatisticsError as error:
            yield judge('action statistics', True, str(error), 'without them it cannot act')
        else:
            yield statistics_finding(self.unnorm_key, statistics)
