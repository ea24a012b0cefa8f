# SPDX-License-Identifier: Apache-2.0
"""A small policy with the interface of LeRobot's `SmolVLAPolicy`, and processors of its own.

Like the original it draws noise and time from torch's own generator, remembers nothing, and is in
other units than its dataset, so whoever forgets a processor gets wrong actions.
"""

from types import SimpleNamespace

import torch
from torch import nn

ACTIONS = 0.8
"""Dataset units in one policy unit."""
TOKENS = 'observation.language.tokens'
PADDED = 6
"""Numbers of a control step of the network."""


class FakeSmolVLA(nn.Module):
    """A frozen part that sees and reads, and an expert that learns a velocity."""

    def __init__(self, numbers: int, chunk: int, action_dim: int) -> None:
        super().__init__()
        self.config = SimpleNamespace(
            n_obs_steps=1,
            chunk_size=chunk,
            max_action_dim=PADDED,
            action_feature=SimpleNamespace(shape=(action_dim,)),
        )
        self.vlm = nn.Linear(numbers + 6 + 1, 16).requires_grad_(False)
        self.expert = nn.Sequential(
            nn.Linear(16 + chunk * PADDED + 1, 64), nn.SiLU(), nn.Linear(64, chunk * PADDED)
        )
        self.scale = nn.Parameter(torch.ones(()))

    def reset(self) -> None:
        pass

    def _seen(self, batch):
        pictures = [batch[key] for key in sorted(batch) if key.startswith('observation.images.')]
        for each in pictures:
            assert each.dtype == torch.float32
            assert each.shape[1] == 3
            assert 0.0 <= each.min() <= each.max() <= 1.0
        state = batch['observation.state']
        shades = [each.mean((2, 3)) for each in pictures] or [state.new_zeros(len(state), 6)]
        return self.vlm(torch.cat([state, *shades, batch[TOKENS]], 1)).tanh()

    def _velocity(self, seen, noisy, time):
        inputs = torch.cat([seen, noisy.flatten(1), time.unsqueeze(1)], 1)
        return self.scale * self.expert(inputs).view(noisy.shape)

    @torch.no_grad()
    def predict_action_chunk(self, batch, noise=None, **_):
        self.eval()
        x, seen = noise, self._seen(batch)
        assert x.shape == (len(seen), self.config.chunk_size, PADDED)
        for step in range(5):
            x = x - self._velocity(seen, x, torch.full((len(x),), 1.0 - step / 5)) / 5
        return x[:, :, : self.config.action_feature.shape[0]]

    def forward(self, batch, noise=None, time=None, reduction='mean'):
        size = self.config.action_feature.shape[0]
        actions = nn.functional.pad(batch['action'], (0, PADDED - size))
        noise = torch.randn(actions.shape) if noise is None else noise
        time = torch.rand(len(actions)) if time is None else time
        noisy = torch.lerp(actions, noise, time.view(-1, 1, 1))
        errors = (noise - actions - self._velocity(self._seen(batch), noisy, time)).square()
        errors = errors[:, :, :size] * ~batch['action_is_pad'].unsqueeze(-1)
        losses = errors.sum((1, 2)) / (~batch['action_is_pad']).sum(1) / size
        return (losses, {}) if reduction == 'none' else (losses.mean(), {})


def preprocess(batch):
    tokens = torch.tensor([[sum(map(ord, text)) % 97 / 97.0] for text in batch['task']])
    scaled = {k: v / ACTIONS if k == 'action' else v for k, v in batch.items() if k != 'task'}
    return scaled | {TOKENS: tokens}


def postprocess(actions):
    return actions * ACTIONS
