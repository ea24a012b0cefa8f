# SPDX-License-Identifier: Apache-2.0
"""Flow-matching policy: a straight path from noise to action (Lipman et al., arXiv 2210.02747)."""

from dataclasses import dataclass

import torch

from parl_policy.networks.ln_resnet import LNResNet
from parl_policy.policies.denoising import DenoisingPolicy, DenoisingPolicyConfig
from parl_policy.policy import weigh_targets


@dataclass(frozen=True, kw_only=True)
class FlowPolicyConfig(DenoisingPolicyConfig):
    """Settings; the paper has no flow policy, so common ones are those of the diffusion policy."""

    steps: int = 10
    """Euler steps from noise (time 0) to action (time 1)."""


class FlowPolicy(DenoisingPolicy):
    """Implements `parl_policy.policy.ReparameterisedPolicy`; its network predicts the velocity.

    The path is x(t) = (1 - t) · noise + t · action, so its velocity is action - noise.
    """

    def denoise(
        self, network: LNResNet, context: torch.Tensor, count: int, generator: torch.Generator
    ) -> torch.Tensor:
        """Integrate the network's velocity by Euler steps from random noise.

        The result is clipped only at the end, because the path may pass outside [-1, 1].

        Returns:
            (B, k, D) in [-1, 1].
        """
        features = network.encode(context).unsqueeze(1)  # (B, 1, H)
        shape = (len(context), count, self.action_spec.flat_dim)
        actions = torch.randn(shape, generator=generator)
        for step in range(self.steps):
            time = actions.new_full((1, 1, 1), step / self.steps)
            actions = actions + network(features, actions, time) / self.steps
        return actions.clamp(-1.0, 1.0)

    def loss(
        self,
        context: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor | None,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Return the squared error of the velocity at a uniform time, summed over the action.

        Returns:
            (B,).
        """
        time = torch.rand((*targets.shape[:2], 1), generator=generator)
        noise = torch.randn(targets.shape, generator=generator)
        between = (1.0 - time) * noise + time * targets
        predicted = self.network(self.network.encode(context).unsqueeze(1), between, time)
        return weigh_targets((predicted - (targets - noise)).square().sum(-1), weights)
