# SPDX-License-Identifier: Apache-2.0
"""Serves a small torch policy through the examples' server code; knows nothing of PARL.

Called with a file descriptor, O and D. Its two parts differ: `frozen` must never change.
"""

from pathlib import Path
import socket
import sys

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1] / 'examples'))
from policy_server import serve


class SmallPolicy:
    """A network with a frozen first layer, and noise around its action."""

    def __init__(self, observation_dim: int, action_dim: int) -> None:
        self.frozen = nn.Linear(observation_dim, 64).requires_grad_(False)
        self.head = nn.Linear(64, action_dim)

    def trainable_parameters(self) -> dict[str, torch.Tensor]:
        return {f'head.{name}': value for name, value in self.head.named_parameters()}

    def action(self, observations: torch.Tensor) -> torch.Tensor:
        if not observations.isfinite().all():
            raise ValueError('camera is covered')
        return self.head(self.frozen(observations).tanh()).unsqueeze(1)

    def sample(
        self, observations: torch.Tensor, count: int, generator: torch.Generator
    ) -> torch.Tensor:
        action = self.action(observations)
        shape = (len(action), count, action.shape[-1])
        return action + 0.2 * torch.randn(shape, generator=generator)

    def loss(
        self,
        observations: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor | None,
        generator: torch.Generator,
    ) -> torch.Tensor:
        errors = (self.action(observations) - targets).square().sum(-1)
        return errors.mean(1) if weights is None else (weights * errors).sum(1)


def main() -> None:
    descriptor, observation_dim, action_dim = (int(argument) for argument in sys.argv[1:])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with socket.socket(fileno=descriptor) as connection:
        serve(SmallPolicy(observation_dim, action_dim), connection)


if __name__ == '__main__':
    main()
