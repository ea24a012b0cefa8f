# SPDX-License-Identifier: Apache-2.0
"""A small diffusion policy with the names and shapes of LeRobot's `DiffusionPolicy`.

Its own units are not the dataset's, so whoever forgets a processor gets wrong actions.
"""

from types import SimpleNamespace

import torch
from torch import nn

ACTIONS = 0.8
"""Dataset units in one policy unit."""
STATE_DIM = 3


class NoiseSchedule:
    """DDPM with the interface of diffusers' `DDPMScheduler`, as far as it is used."""

    def __init__(self) -> None:
        self.config = SimpleNamespace(num_train_timesteps=5)
        self.betas = torch.tensor([0.1, 0.28, 0.47, 0.72, 0.999])
        self.alpha_bars = (1.0 - self.betas).cumprod(0)

    def add_noise(
        self, clean: torch.Tensor, noise: torch.Tensor, times: torch.Tensor
    ) -> torch.Tensor:
        alpha_bar = self.alpha_bars[times].view(-1, 1, 1)
        return alpha_bar.sqrt() * clean + (1.0 - alpha_bar).sqrt() * noise

    def previous(
        self, noise: torch.Tensor, t: int, x: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        beta, alpha_bar = self.betas[t], self.alpha_bars[t]
        x = (x - beta / (1.0 - alpha_bar).sqrt() * noise) / (1.0 - beta).sqrt()
        if t == 0:
            return x
        return x.clamp(-1.0, 1.0) + beta.sqrt() * torch.randn(x.shape, generator=generator)


class UNet(nn.Module):
    """Predicts the noise in (R, H, A) at times (R,)."""

    def __init__(self, condition_dim: int, horizon: int, action_dim: int) -> None:
        super().__init__()
        flat = horizon * action_dim
        self.inner = nn.Linear(flat + condition_dim + 5, 128)
        self.out = nn.Linear(128, flat)

    def forward(
        self, x: torch.Tensor, times: torch.Tensor, global_cond: torch.Tensor
    ) -> torch.Tensor:
        assert times.shape == x.shape[:1]
        at = nn.functional.one_hot(times, 5).float()
        inner = self.inner(torch.cat([x.flatten(1), global_cond, at], 1))
        return self.out(nn.functional.silu(inner)).view(x.shape)


class DiffusionModel(nn.Module):
    def __init__(self, condition_dim: int, horizon: int, action_dim: int) -> None:
        super().__init__()
        self.shape = (horizon, action_dim)
        self.unet = UNet(condition_dim, horizon, action_dim)
        self.noise_scheduler = NoiseSchedule()

    def _prepare_global_conditioning(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        state, environment = (
            batch[f'observation.{name}'] for name in ('state', 'environment_state')
        )
        assert state.shape[1] == environment.shape[1] == 1
        assert state.shape[2] == STATE_DIM
        return torch.cat([state, environment], -1).flatten(1)

    def conditional_sample(
        self,
        batch_size: int,
        global_cond: torch.Tensor,
        generator: torch.Generator,
        noise: torch.Tensor,
    ) -> torch.Tensor:
        assert noise.shape == (batch_size, *self.shape)
        x = noise
        for t in reversed(range(5)):
            predicted = self.unet(x, torch.full((batch_size,), t), global_cond=global_cond)
            x = self.noise_scheduler.previous(predicted, t, x, generator)
        return x


class FakeLeRobotPolicy(nn.Module):
    """Generates one step more than it says are good to act on."""

    def __init__(self, observation_dim: int, horizon: int, action_dim: int) -> None:
        super().__init__()
        self.config = SimpleNamespace(
            n_obs_steps=1,
            n_action_steps=horizon,
            horizon=horizon + 1,
            prediction_type='epsilon',
            robot_state_feature=SimpleNamespace(shape=(STATE_DIM,)),
            action_feature=SimpleNamespace(shape=(action_dim,)),
        )
        self.diffusion = DiffusionModel(observation_dim, horizon + 1, action_dim)


def preprocess(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k: v / ACTIONS if k == 'action' else v for k, v in batch.items()}


def postprocess(actions: torch.Tensor) -> torch.Tensor:
    return actions * ACTIONS
