# SPDX-License-Identifier: Apache-2.0
"""Makes models of OpenVLA's architecture that are small enough to be trained on a laptop."""

from collections.abc import Iterable, Mapping
import dataclasses
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Sequence, Split, WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from torch import nn

from parl_vla.openvla.action_bins import BINS
from parl_vla.openvla.checkpoint import CheckpointFiles
from parl_vla.openvla.llama import LlamaConfig
from parl_vla.openvla.network import NetworkConfig, OpenVLANetwork
from parl_vla.openvla.prompt import PROMPT
from parl_vla.openvla.vision_tower import TowerConfig

SPECIAL = ('<unk>', '<s>', '</s>', '\u2581')
PADDING = 64
"""Rows of the vocabulary after the ids of actions, as in the released model."""
INITIAL_DEVIATION = 0.02


@dataclasses.dataclass(frozen=True, kw_only=True)
class SmallModelConfig:
    """Shape of a small model; the defaults have 1.9 million weights."""

    size: int = 84
    """Height and width of the picture [px]."""
    patch: int = 14
    tower_width: int = 96
    tower_blocks: int = 3
    tower_heads: int = 3
    width: int = 128
    """Width of the decoder."""
    blocks: int = 3
    heads: int = 4

    def network(self, words: int) -> NetworkConfig:
        """Return the shape of the network with a vocabulary of so many words."""
        tower = TowerConfig(
            size=self.size,
            patch=self.patch,
            width=self.tower_width,
            blocks=self.tower_blocks,
            heads=self.tower_heads,
            mlp=4 * self.tower_width,
        )
        first = dataclasses.replace(tower, registers=4, layer_scale=True)
        llama = LlamaConfig(
            vocab_size=words + BINS + PADDING,
            hidden_size=self.width,
            intermediate_size=3 * self.width,
            num_hidden_layers=self.blocks,
            num_attention_heads=self.heads,
        )
        return NetworkConfig(towers=(first, tower), llama=llama)


def small_model(
    config: SmallModelConfig,
    instructions: Iterable[str],
    datasets: Mapping[str, Any],
) -> tuple[OpenVLANetwork, CheckpointFiles]:
    """Make an untrained model, with what a checkpoint holds beside its weights.

    Args:
        config: Its shape.
        instructions: Texts whose words it knows.
        datasets: Action statistics by the name of the dataset, as config.json stores them.
    """
    vocabulary = _vocabulary(instructions)
    shape = config.network(len(vocabulary))
    network = OpenVLANetwork(shape)
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Embedding | nn.Conv2d):
            nn.init.normal_(module.weight, std=INITIAL_DEVIATION)
            bias = getattr(module, 'bias', None)
            if bias is not None:
                nn.init.zeros_(bias)
    for tower in (network.vision_backbone.featurizer, network.vision_backbone.fused_featurizer):
        nn.init.normal_(tower.pos_embed, std=INITIAL_DEVIATION)
    described = {
        'model_type': 'openvla',
        'vision_towers': [dataclasses.asdict(tower) for tower in shape.towers],
        'text_config': dataclasses.asdict(shape.llama) | {'model_type': 'llama'},
        'pad_to_multiple_of': PADDING,
        'n_action_bins': BINS,
        'norm_stats': dict(datasets),
    }
    preprocessor = {
        'image_resize_strategy': 'resize-naive',
        'input_sizes': [[3, config.size, config.size]] * 2,
        'means': [[0.484375, 0.455078125, 0.40625], [0.5, 0.5, 0.5]],
        'stds': [[0.228515625, 0.2236328125, 0.224609375], [0.5, 0.5, 0.5]],
    }
    return network, CheckpointFiles(described, preprocessor, _tokenizer(vocabulary).to_str())


def _vocabulary(instructions: Iterable[str]) -> dict[str, int]:
    splitter = _splitter()
    words = list(SPECIAL)
    for text in [PROMPT.format(each.lower()) for each in instructions]:
        words += [word for word, _ in splitter.pre_tokenize_str(text)]
    return {word: index for index, word in enumerate(dict.fromkeys(words))}


def _splitter() -> Sequence:
    return Sequence([WhitespaceSplit(), Split(Regex('[:?.,!]'), 'isolated')])


def _tokenizer(vocabulary: dict[str, int]) -> Tokenizer:
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=SPECIAL[0]))
    tokenizer.add_special_tokens([AddedToken(each, special=True) for each in SPECIAL[:3]])
    tokenizer.pre_tokenizer = _splitter()
    tokenizer.post_processor = TemplateProcessing(
        single='<s> $A', special_tokens=[('<s>', vocabulary['<s>'])]
    )
    return tokenizer
