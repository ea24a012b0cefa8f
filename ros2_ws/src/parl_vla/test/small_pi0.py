# SPDX-License-Identifier: Apache-2.0
"""A π0 of random weights that is small enough for a test, as a folder that transformers reads."""

from collections.abc import Mapping
import json
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Sequence, Split
import torch

from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor_file import ActorConfig
from parl_policy.critics.critic import CriticConfig
from parl_policy.observations import Observations, PictureConfig

WORDS = ('<pad>', '<bos>', '<unk>', '<image>', 'put', 'the', 'cup', 'spoon', 'on', 'rack', '\n')
CHUNK, ACTION, STATE, SIZE = 3, 8, 8, 28
CAMERAS = {'wrist': PictureConfig(size=(SIZE, SIZE)), 'scene': PictureConfig(size=(14, 28))}
ORDER = ('scene', 'wrist')
STATISTICS = {
    'state_mean': [0.0] * 4,
    'state_std': [1.0] * 4,
    'actions_mean': [0.0] * 3,
    'actions_std': [0.4] * 3,
}
"""Without them many actions of random weights would be clipped to the same corner."""


def config():
    from transformers import PI0Config

    attention = {'num_attention_heads': 2, 'num_key_value_heads': 1, 'head_dim': 8}
    text = {
        'model_type': 'gemma',
        'hidden_size': 16,
        'num_hidden_layers': 2,
        'intermediate_size': 32,
        'vocab_size': len(WORDS),
        **attention,
    }
    vision = {
        'model_type': 'siglip_vision_model',
        'hidden_size': 16,
        'intermediate_size': 32,
        'num_hidden_layers': 1,
        'num_attention_heads': 2,
        'image_size': SIZE,
        'patch_size': 14,
        'vision_use_head': False,
    }
    vlm = {
        'model_type': 'paligemma',
        'text_config': text,
        'vision_config': vision,
        'projection_dim': 16,
        'image_token_id': WORDS.index('<image>'),
    }
    expert = {
        'model_type': 'gemma',
        'hidden_size': 32,
        'num_hidden_layers': 2,
        'intermediate_size': 64,
        **attention,
    }
    return PI0Config(
        vlm_config=vlm,
        dit_config=expert,
        chunk_size=CHUNK,
        max_state_dim=STATE,
        max_action_dim=ACTION,
        num_inference_steps=5,
    )


def write_pi0(folder: Path, statistics: Mapping[str, list[float]]) -> Path:
    from transformers import PI0ForConditionalGeneration

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = PI0ForConditionalGeneration(config())
        for module in network.modules():  # larger than for training, so that all inputs matter
            if isinstance(module, torch.nn.Linear | torch.nn.Embedding):
                torch.nn.init.normal_(module.weight, std=module.weight.shape[-1] ** -0.5)
    network.save_pretrained(folder)
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token='<unk>'))
    tokenizer.pre_tokenizer = Sequence([Split('\n', 'isolated'), Split(' ', 'removed')])
    tokenizer.save(str(folder / 'tokenizer.json'))
    (folder / 'processor_config.json').write_text(json.dumps(statistics), encoding='utf-8')
    return folder


def observations(numbers: torch.Tensor, instruction: str = 'put the cup on the rack'):
    """B states whose pictures show their first numbers as shades."""
    shades = (127.5 + 60.0 * numbers[:, :3]).clamp(0, 255).to(torch.uint8)
    pictures = {
        camera: shades[:, None, None].expand(-1, *each.size, -1).contiguous()
        for camera, each in CAMERAS.items()
    }
    return Observations(numbers, pictures, (instruction,) * len(numbers))


def actor_config(folder: Path, spec, **more):
    """An actor's configuration of a π0 that scales by its checkpoint's statistics."""
    return ActorConfig(
        policy_class='parl_vla.policies.pi0:Pi0Policy',
        policy={
            'model': str(folder),
            'pictures': {name: {'size': list(each.size)} for name, each in CAMERAS.items()},
            'cameras': list(ORDER),
            'normalisation': 'checkpoint',
            **more,
        },
        critic=CriticConfig(members=1, hidden=(8,), bins=5),
        optimisation=ActionOptimisationConfig(samples=4, particles=2),
        choice='argmax',
        observation_names=tuple('wxyz'),
        action_spec=spec,
        cameras={name: each.size for name, each in CAMERAS.items()},
    )
