# SPDX-License-Identifier: Apache-2.0
"""Low-rank adapters (LoRA, arXiv 2106.09685) of any network, in the file format of peft.

They stay beside the weights while a policy practises: merged in bfloat16, the first hundred small
updates would round to nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from peft import inject_adapter_in_model
from peft import LoraConfig as PeftConfig
from peft.tuners.lora import Linear
from safetensors.torch import save_file
import torch
from torch import nn

_PREFIX, _NAME = 'base_model.model.', 'default'


@dataclass(frozen=True, kw_only=True)
class LoraConfig:
    """Size of the adapters; the defaults are the paper's rank and its release's scale."""

    rank: int = 32
    """Rank of the change of a weight (r)."""
    alpha: int = 16
    """The change is scaled by alpha / rank."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.rank < 1 or self.alpha < 1:
            raise ValueError(f'rank and alpha must be at least 1: {self}')

    def to_peft(self, targets: str) -> PeftConfig:
        """Return the same for peft; only layers whose whole name matches `targets` are adapted."""
        return PeftConfig(
            r=self.rank,
            lora_alpha=self.alpha,
            lora_dropout=0.0,
            target_modules=targets,
            init_lora_weights='gaussian',
        )


def inject_adapters(network: nn.Module, config: LoraConfig, targets: str) -> None:
    """Put new adapters, which change nothing yet, beside frozen weights.

    Args:
        network: Is changed.
        config: Size of the adapters.
        targets: Pattern of the names of the layers that get one.
    """
    inject_adapter_in_model(config.to_peft(targets), network, adapter_name=_NAME)
    for parameter in adapters(network).values():
        parameter.data = parameter.data.float()  # peft makes them of the weights' type


def adapters(network: nn.Module) -> dict[str, nn.Parameter]:
    """Return the adapters' weights in float32, by the names that peft gives them in a file."""
    return {
        _PREFIX + name.replace(f'.{_NAME}.', '.'): parameter
        for name, parameter in network.named_parameters()
        if '.lora_' in name
    }


@torch.no_grad()
def set_adapters(network: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Copy weights into the adapters, in place: what a GPU has recorded stays valid.

    Raises:
        KeyError: An adapter is missing or unknown.
        RuntimeError: An adapter has another rank.
    """
    own = adapters(network)
    if set(own) != set(tensors):
        raise KeyError(f'adapters differ: {sorted(set(own) ^ set(tensors))[:3]}')
    for name, parameter in own.items():
        if parameter.shape != tensors[name].shape:
            raise RuntimeError(
                f'{name} is {tuple(tensors[name].shape)}, expected {tuple(parameter.shape)}'
            )
        parameter.copy_(tensors[name])


def save_adapters(
    network: nn.Module, config: LoraConfig, targets: str, folder: Path, base: Path
) -> None:
    """Write a folder that peft's own `PeftModel.from_pretrained` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: each.detach().cpu() for name, each in adapters(network).items()}
    save_file(tensors, folder / 'adapter_model.safetensors')
    described = config.to_peft(targets)
    described.base_model_name_or_path = str(base)
    described.save_pretrained(str(folder))


def adapted_layers(network: nn.Module) -> dict[str, Linear]:
    """Return the layers that have an adapter, by name."""
    return {name: each for name, each in network.named_modules() if isinstance(each, Linear)}


def merged_weight(layer: Linear, kind: torch.dtype) -> torch.Tensor:
    """Return the weight of a layer with its adapter added, computed in float32, in that type."""
    change = layer.get_delta_weight(_NAME)
    return (layer.weight.float() + change.float()).to(kind)


def merged_weights(network: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the name and value of all weights with the adapters added, in float32.

    In the type of a bfloat16 base small updates would round to nothing.
    """
    adapted = adapted_layers(network)
    for name, weight in network.state_dict().items():
        owner, _, leaf = name.rpartition('.')
        if '.lora_' in name:
            continue
        if leaf == 'weight' and owner.endswith('.base_layer'):
            owner = owner.removesuffix('.base_layer')
            yield f'{owner}.weight', merged_weight(adapted[owner], torch.float32)
        else:
            yield name, weight.float()
