# SPDX-License-Identifier: Apache-2.0
"""Serves SmolVLA or another LeRobot policy that sees and reads; runs in LeRobot's interpreter.

Use it as policy_class remote_policy:RemotePolicy with this file as `script` and the arguments
FOLDER HORIZON [PATTERN]: a folder saved by LeRobot, the control steps of PARL's actions, and which
parameters learn, by their names; all that LeRobot does not freeze if it is left out.

The checkpoint's own processors scale, tokenise and scale back. Its cameras must be named as in
`pictures`, and its dataset's states and actions must be PARL's, actions in [-1, 1].
"""

from collections.abc import Callable
import re
import socket
import sys
from typing import Any

from policy_server import Seen, serve
import torch

Processor = Callable[[Any], Any]


class LeRobotVLA:
    """Implements `policy_server.ServedPolicy` around a LeRobot policy that takes `noise`.

    It must offer `predict_action_chunk(batch, noise=)` and `forward(batch, reduction='none')`.
    """

    def __init__(
        self,
        policy: Any,  # noqa: ANN401
        preprocess: Processor,
        postprocess: Processor,
        horizon: int,
        learns: str = '',
    ) -> None:
        """Wrap a policy.

        Args:
            policy: A `PreTrainedPolicy` of LeRobot.
            preprocess: Its pipeline from a batch of a dataset to what the network takes.
            postprocess: Its pipeline that takes the network's actions to the dataset's units.
            horizon: Control steps T of an action, at most the policy's `chunk_size`.
            learns: Pattern that occurs in the names of the parameters that learn.
        """
        if policy.config.n_obs_steps != 1 or policy.config.chunk_size < horizon:
            raise ValueError(
                f'the policy has {policy.config}; give one with n_obs_steps 1 and chunk_size of '
                f'{horizon} or more'
            )
        self.policy = policy.eval()  # no dropout
        self.preprocess = preprocess
        self.postprocess = postprocess
        self.horizon = horizon
        for name, value in policy.named_parameters():
            value.requires_grad_(value.requires_grad and bool(re.search(learns, name)))

    def trainable_parameters(self) -> dict[str, torch.Tensor]:
        """Return the parameters that require gradients, by name."""
        named = self.policy.named_parameters()
        return {name: value for name, value in named if value.requires_grad}

    def sample(self, observations: Seen, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw k chunks from k noises of each state, and return their first steps (B, k, D)."""
        batch = self.preprocess(dataset_batch(observations, count))
        config = self.policy.config
        rows = len(batch['observation.state'])
        noise = torch.randn(rows, config.chunk_size, config.max_action_dim, generator=generator)
        self.policy.reset()  # no memory of earlier calls
        chunks = self.policy.predict_action_chunk(
            batch, noise=noise.to(batch['observation.state'].device)
        )
        actions = self.postprocess(chunks[:, : self.horizon])
        return actions.reshape(rows // count, count, -1).cpu()

    def loss(
        self,
        observations: Seen,
        targets: torch.Tensor,
        weights: torch.Tensor | None,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Return the policy's own loss (B,); steps after PARL's T repeat the last one, as padding.

        SmolVLA leaves padding out of its loss; LeRobot's π0 learns it.
        """
        count = targets.shape[1]
        steps = targets.flatten(0, 1).unflatten(-1, (self.horizon, -1))
        rest = self.policy.config.chunk_size - self.horizon
        padding = torch.arange(self.horizon + rest) >= self.horizon
        batch = dataset_batch(observations, count) | {
            'action': torch.cat([steps, steps[:, -1:].expand(-1, rest, -1)], 1),
            'action_is_pad': padding.expand(len(steps), -1),
        }
        # Not every class takes noise and time here, but each draws them from torch's generator.
        with torch.random.fork_rng():
            torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
            losses, _ = self.policy.forward(self.preprocess(batch), reduction='none')
        losses = losses.unflatten(0, (-1, count)).cpu()
        return losses.mean(1) if weights is None else (weights * losses).sum(1)


def dataset_batch(observations: Seen, count: int) -> dict[str, Any]:
    """Return states, each `count` times, with the keys and units of a LeRobot dataset."""
    if isinstance(observations, torch.Tensor):
        observations = {'numbers': observations, 'pictures': {}, 'instructions': None}
    numbers = observations['numbers'].repeat_interleave(count, 0)
    texts = observations['instructions'] or [''] * (len(numbers) // count)
    batch = {
        'observation.state': numbers,
        'task': [text for text in texts for _ in range(count)],
    }
    for camera, pictures in observations['pictures'].items():
        shares = pictures.permute(0, 3, 1, 2).float() / 255.0
        batch[f'observation.images.{camera}'] = shares.repeat_interleave(count, 0)
    return batch


def main() -> None:
    """Load policy and processors, and serve them on the file descriptor given first."""
    from lerobot.configs.policies import PreTrainedConfig
    from lerobot.policies.factory import get_policy_class, make_pre_post_processors

    descriptor, folder, horizon, *learns = sys.argv[1:]
    kind = PreTrainedConfig.from_pretrained(folder).type
    policy = get_policy_class(kind).from_pretrained(folder)
    preprocess, postprocess = make_pre_post_processors(policy.config, pretrained_path=folder)
    served = LeRobotVLA(policy, preprocess, postprocess, int(horizon), *learns)
    with socket.socket(fileno=int(descriptor)) as connection:
        serve(served, connection)


if __name__ == '__main__':
    main()
