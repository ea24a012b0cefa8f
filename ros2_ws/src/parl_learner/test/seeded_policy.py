# SPDX-License-Identifier: Apache-2.0
"""A policy of 256 tokens whose samples follow from given numbers, and what it is about."""

from dataclasses import dataclass

import torch

from parl_policy.policy import ActionSpec

SPEC = ActionSpec(horizon=1, dim=7, binary=(6,))


@dataclass(frozen=True, kw_only=True)
class SeededTestPolicyConfig:
    width: float = 1.0


class SeededTestPolicy:
    """Moves the given numbers by a state's first entry times a weight."""

    def __init__(self, observation_dim, action_spec, config: SeededTestPolicyConfig):
        self.action_spec, self.config = action_spec, config
        self.weight = torch.nn.Parameter(torch.full((1,), 0.1))
        self.drawn = 0  # states

    def fit_normalisation(self, observations):
        pass

    def encode(self, observations):
        return observations

    def draw(self, context, uniform):
        self.drawn += len(context)
        shift = (self.weight.detach() * context[:, :1]).sigmoid().unsqueeze(-1)
        tokens = ((uniform + shift) % 1.0 * 256).long()
        return tokens, uniform.clamp_min(1e-6).log().sum(-1)

    def tokens(self, actions):
        return ((actions + 1.0) * 127.5).round().long()

    def actions(self, tokens):
        return self.action_spec.snap(tokens / 127.5 - 1.0)

    def sample(self, context, count, generator):
        shape = (len(context), count, self.action_spec.flat_dim)
        return self.actions(self.draw(context, torch.rand(shape, generator=generator))[0])

    def loss(self, context, targets, weights, generator):
        return ((targets - self.weight * context[:, :1, None]) ** 2).mean((1, 2))

    def trainable_parameters(self):
        return [self.weight]

    def after_update(self):
        pass

    def state_dict(self):
        return {'weight': self.weight.detach()}

    def load_state_dict(self, state):
        with torch.no_grad():
            self.weight.copy_(state['weight'])
