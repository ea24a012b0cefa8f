# SPDX-License-Identifier: Apache-2.0
"""A critic of three small members, its trainer, and its loss a state and an action at a time."""

import math

import torch

from parl_learner.replay.replay import Batch
from parl_learner.training.critic_trainer import CriticTrainer
from parl_learner.training.critic_trainer_config import CriticTrainerConfig
from parl_policy.acting.action_optimisation import Particles
from parl_policy.critics.critic import CriticConfig, CriticEnsemble

STATES, ACTION_DIM, PARTICLES = 4, 3, 5


def new_trainer(head='mse', members=3, **settings):
    torch.manual_seed(0)
    config = CriticConfig(members=members, hidden=(8, 8), head=head, bins=9, support=(-12.0, 0.0))
    critic = CriticEnsemble(2, ACTION_DIM, config)
    critic.fit_normalisation(torch.randn(30, 2) * 2.0)
    for parameter in critic.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    trainer = CriticTrainer(critic, CriticTrainerConfig(**settings))
    for parameter in trainer.target.parameters():  # as after some time
        parameter.data += 0.3 * torch.randn(parameter.shape)
    return trainer


def new_batch():
    draws = torch.Generator().manual_seed(1)
    rewards = torch.tensor([-1.0, 0.0, -1.0, -1.0])
    return Batch(
        rows=torch.arange(STATES),
        next_rows=torch.arange(STATES) + 1,
        observations=torch.randn(STATES, 2, generator=draws),
        next_observations=torch.randn(STATES, 2, generator=draws),
        actions=torch.rand(STATES, ACTION_DIM, generator=draws) * 2.0 - 1.0,
        rewards=rewards,
        discounts=torch.where(rewards < 0.0, 0.9, 0.0),
        returns=torch.tensor([-1.0, 0.0, -10.0, -3.0]),
    )


def new_particles(seed):
    draws = torch.Generator().manual_seed(seed)
    actions = torch.rand(STATES, PARTICLES, ACTION_DIM, generator=draws) * 2.0 - 1.0
    return Particles(actions, torch.randn(STATES, PARTICLES, generator=draws))


def raw(critic, member, state, action):
    normalised = critic.normaliser(state[None])
    return critic.members[member](normalised, action[None, None])[0, 0]


def q_value(critic, member, state, action):
    outputs = raw(critic, member, state, action)
    if critic.config.head == 'mse':
        return outputs[0]
    probabilities = outputs.exp() / outputs.exp().sum()
    centres = [-12.0 + (i + 0.5) * 12.0 / 9.0 for i in range(9)]
    return sum(p * centre for p, centre in zip(probabilities, centres, strict=True))


def td_loss(critic, member, state, action, target):
    outputs = raw(critic, member, state, action)
    if critic.config.head == 'mse':
        return (outputs[0] - target) ** 2
    width = 12.0 / 9.0
    target = min(max(target, -12.0), 0.0)

    def phi(edge):
        return 0.5 * (1.0 + math.erf((edge - target) / (0.75 * width) / math.sqrt(2.0)))

    mass = phi(0.0) - phi(-12.0)
    loss = 0.0
    for i in range(9):
        share = (phi(-12.0 + (i + 1) * width) - phi(-12.0 + i * width)) / mass
        loss = loss - share * (outputs[i] - outputs.exp().sum().log())
    return loss
