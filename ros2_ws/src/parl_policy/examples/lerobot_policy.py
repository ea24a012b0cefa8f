# SPDX-License-Identifier: Apache-2.0
"""Serves a LeRobot diffusion policy to PARL; runs in LeRobot's interpreter, not in PARL's.

Use it as policy_class remote_policy:RemotePolicy with this file as `script` and the arguments
FOLDER HORIZON: a folder saved by LeRobot, and the control steps of PARL's actions.

The policy must take one observation step (n_obs_steps 1) of `observation.state` followed by
`observation.environment_state`, and its dataset's actions must be PARL's, in [-1, 1].
"""

from collections.abc import Callable
import socket
import sys
from typing import Any

from policy_server import serve
import torch

Processor = Callable[[Any], Any]


class LeRobotDiffusion:
    """Implements `policy_server.ServedPolicy` with the parts of LeRobot's `DiffusionPolicy`.

    Its own `forward` averages the loss over the batch and `predict_action_chunk` takes no seed,
    so both are put together here from its network and its noise schedule.
    """

    def __init__(
        self,
        policy: Any,  # noqa: ANN401
        preprocess: Processor,
        postprocess: Processor,
        horizon: int,
    ) -> None:
        """Wrap a policy.

        Args:
            policy: A `DiffusionPolicy` of LeRobot.
            preprocess: Its pipeline that normalises a batch.
            postprocess: Its pipeline that takes normalised actions back to the dataset's units.
            horizon: Control steps T of an action, at most the policy's `n_action_steps`.
        """
        if policy.config.n_obs_steps != 1 or policy.config.n_action_steps < horizon:
            raise ValueError(
                f'the policy has {policy.config}; give one with n_obs_steps 1 and n_action_steps '
                f'of {horizon} or more'
            )
        self.policy = policy
        self.preprocess = preprocess
        self.postprocess = postprocess
        self.horizon = horizon
        self.state_dim = policy.config.robot_state_feature.shape[0]

    def trainable_parameters(self) -> dict[str, torch.Tensor]:
        """Return the parameters that require gradients, by name."""
        named = self.policy.named_parameters()
        return {name: value for name, value in named if value.requires_grad}

    def sample(
        self, observations: torch.Tensor, count: int, generator: torch.Generator
    ) -> torch.Tensor:
        """Encode each state once, then denoise k times: (B, O) -> (B, k, D)."""
        condition = self._condition(self._batch(observations)).repeat_interleave(count, 0)
        action_dim = self.policy.config.action_feature.shape[0]
        noise = torch.randn(
            len(condition), self.policy.config.horizon, action_dim, generator=generator
        )
        actions = self.policy.diffusion.conditional_sample(
            len(condition),
            global_cond=condition,
            generator=generator,
            noise=noise.to(condition),
        )
        actions = self.postprocess(actions[:, : self.horizon].cpu())
        return actions.reshape(len(observations), count, -1)

    def loss(
        self,
        observations: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor | None,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Return the squared error (B,) of the predicted noise, summed over PARL's T steps.

        The policy's horizon may be longer; its other steps repeat the last one and have no loss.
        """
        diffusion, count = self.policy.diffusion, targets.shape[1]
        steps = targets.flatten(0, 1).unflatten(-1, (self.horizon, -1))
        rest = self.policy.config.horizon - self.horizon
        steps = torch.cat([steps, steps[:, -1:].expand(-1, rest, -1)], 1)
        repeated = observations.repeat_interleave(count, 0)
        clean = self._batch(repeated, action=steps)['action']
        condition = self._condition(self._batch(observations)).repeat_interleave(count, 0)
        noise = torch.randn(clean.shape, generator=generator).to(clean)
        levels = diffusion.noise_scheduler.config.num_train_timesteps
        times = torch.randint(levels, (len(clean),), generator=generator).to(clean.device)
        noisy = diffusion.noise_scheduler.add_noise(clean, noise, times)
        predicted = diffusion.unet(noisy, times, global_cond=condition)
        wanted = noise if self.policy.config.prediction_type == 'epsilon' else clean
        errors = (predicted - wanted)[:, : self.horizon].square().sum((1, 2))
        errors = errors.unflatten(0, (-1, count)).cpu()
        return errors.mean(1) if weights is None else (weights * errors).sum(1)

    def _batch(self, observations: torch.Tensor, **more: torch.Tensor) -> dict[str, Any]:
        state, environment = observations.tensor_split([self.state_dim], -1)
        batch = {'observation.state': state, 'observation.environment_state': environment}
        processed: dict[str, Any] = self.preprocess(batch | more)
        return processed

    def _condition(self, batch: dict[str, Any]) -> torch.Tensor:
        one_step = {
            name: batch[name].unsqueeze(1)
            for name in ('observation.state', 'observation.environment_state')
        }
        condition: torch.Tensor = self.policy.diffusion._prepare_global_conditioning(one_step)
        return condition


def main() -> None:
    """Load the policy and serve it on the file descriptor given first."""
    from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy
    from lerobot.policies.factory import make_pre_post_processors

    descriptor, folder, horizon = sys.argv[1:]
    policy = DiffusionPolicy.from_pretrained(folder)
    preprocess, postprocess = make_pre_post_processors(policy.config, pretrained_path=folder)
    served = LeRobotDiffusion(policy, preprocess, postprocess, int(horizon))
    with socket.socket(fileno=int(descriptor)) as connection:
        serve(served, connection)


if __name__ == '__main__':
    main()
