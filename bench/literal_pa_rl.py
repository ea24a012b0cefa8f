# SPDX-License-Identifier: Apache-2.0
"""PA-RL's critic update and action optimisation as in paper and release, without any saving.

Tests and benches compare PARL with it. Every network runs over [x, action], every sampled action
is evaluated, and every optimisation is done where it is mentioned: three in a critic update. The
authors' JAX release (arXiv 2412.06685) repeats work at the same places. Random numbers are drawn
in the order of `parl_learner.training.critic_trainer`, so that all results can be compared.
"""

import copy
import math

import torch
from torch import nn

from parl_learner.replay.replay import Batch
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.critics.critic import CriticEnsemble, CriticMember
from parl_policy.policies.diffusion import DiffusionPolicy


class LiteralMember(nn.Module):
    """Dense over [x, action], LayerNorm and swish in every layer; then the output layer."""

    def __init__(self, member: CriticMember) -> None:
        """Copy the weights; those of observation and action become one matrix per layer."""
        super().__init__()
        self.layers = nn.ModuleList()
        for layer, action_layer in zip(member.layers, member.action_layers, strict=True):
            joint = torch.cat([layer.weight.data, action_layer.weight.data], dim=1)
            self.layers.append(nn.Linear(joint.shape[1], joint.shape[0]))
            self.layers[-1].weight.data = joint
            self.layers[-1].bias.data = layer.bias.data.clone()
        self.norms = copy.deepcopy(member.norms)
        self.head = copy.deepcopy(member.head)

    def forward(self, states: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return raw outputs: (N, O), (N, D) -> (N, outputs)."""
        x = states
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = nn.functional.silu(norm(layer(torch.cat([x, actions], dim=1))))
        return self.head(x)


class LiteralCritic(nn.Module):
    """The same function as a `CriticEnsemble` that feeds the action to every layer."""

    def __init__(self, critic: CriticEnsemble) -> None:
        """Copy the weights."""
        super().__init__()
        self.normaliser = critic.normaliser
        self.value_head = critic.value_head
        self.members = nn.ModuleList(LiteralMember(member) for member in critic.members)

    def forward(self, observations: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return values: (B, O), (B, n, D) -> (E, B, n); states are repeated for each action."""
        return torch.stack(
            [self.values(i, observations, actions) for i in range(len(self.members))]
        )

    def values(
        self, member: int, observations: torch.Tensor, actions: torch.Tensor
    ) -> torch.Tensor:
        """Return the values of one member (B, n)."""
        states = self.normaliser(observations).repeat_interleave(actions.shape[1], dim=0)
        raw = self.members[member](states, actions.flatten(0, 1))
        return self.value_head.value(raw).view(actions.shape[:2])


def optimise(
    critic: LiteralCritic,
    observations: torch.Tensor,
    candidates: torch.Tensor,
    config: ActionOptimisationConfig,
    data_actions: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Optimise candidates (B, k, D) by Algorithm 1.

    Data actions (B, D) replace the candidate that is ranked worst (only for distillation).

    Returns:
        m particles (B, m, D), and their values (B, m), evaluated once more.
    """
    with torch.no_grad():
        ranking = critic(observations, candidates).mean(0)
    best = ranking.topk(config.particles, dim=1).indices
    actions = torch.stack([states[kept] for states, kept in zip(candidates, best, strict=True)])
    if data_actions is not None:
        actions[:, -1] = data_actions
    iterates, values = [actions], []
    for _ in range(config.gradient_steps):
        actions = actions.clone().requires_grad_()
        value = critic(observations, actions).mean(0)
        (gradient,) = torch.autograd.grad(value.sum(), actions)
        values.append(value.detach())
        actions = (actions.detach() + config.step_size * gradient).clamp(-1.0, 1.0)
        iterates.append(actions)
    with torch.no_grad():
        values.append(critic(observations, actions).mean(0))
        latest_best = len(values) - 1 - torch.stack(values).flip(0).argmax(0)  # ties: last
        index = latest_best[None, :, :, None].expand(1, -1, -1, actions.shape[-1])
        actions = torch.stack(iterates).gather(0, index).squeeze(0)
        return actions, critic(observations, actions).mean(0)


class LiteralCriticTrainer:
    """Cal-QL with optimised actions; the TD target and both policy actions optimise anew."""

    CQL_ACTIONS = 10
    CQL_WEIGHT = 0.005
    TARGET_RATE = 0.005
    LEARNING_RATE = 3e-4

    def __init__(self, critic: CriticEnsemble) -> None:
        """Start with the target equal to the critic."""
        self.critic = LiteralCritic(critic)
        self.target = copy.deepcopy(self.critic).requires_grad_(False)
        self.optimiser = torch.optim.Adam(self.critic.parameters(), lr=self.LEARNING_RATE)

    def loss(
        self,
        batch: Batch,
        candidates: torch.Tensor,
        next_candidates: torch.Tensor,
        config: ActionOptimisationConfig,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Return the mean cross-entropy of all members plus the mean conservative term of two.

        The two members of the conservative term are drawn with replacement.

        Args:
            batch: B transitions.
            candidates: (B, k, D) actions of the policy at the observations.
            next_candidates: The same at the next observations.
            config: Settings of the action optimisation.
            generator: Draws members, then uniform actions.
        """
        states, next_states = batch.observations, batch.next_observations
        critic, head = self.critic, self.critic.value_head
        drawn = torch.randint(len(critic.members), (2, 2), generator=generator)
        next_action = self._policy_actions(next_states, next_candidates, config)
        with torch.no_grad():
            next_values = self.target(next_states, next_action)[drawn[0]].max(-1).values
            targets = batch.rewards + batch.discounts * next_values.min(0).values
        loss = torch.zeros(())
        normalised = critic.normaliser(states)
        for member in critic.members:
            td = head.loss(member(normalised, batch.actions), targets).mean()
            loss = loss + td / len(critic.members)
        following = self._policy_actions(next_states, next_candidates, config)
        current = self._policy_actions(states, candidates, config)
        uniform = torch.rand(current.shape, generator=generator) * 2.0 - 1.0
        bound = batch.returns.unsqueeze(1)
        for member in drawn[1].tolist():
            data = critic.values(member, states, batch.actions.unsqueeze(1))
            sampled = torch.cat(
                [
                    critic.values(member, states, uniform),
                    torch.maximum(critic.values(member, states, current), bound),
                    torch.maximum(critic.values(member, states, following), bound),
                    data,
                ],
                dim=1,
            )
            soft_maximum = sampled.logsumexp(1) - math.log(sampled.shape[1])
            gap = (soft_maximum - data.squeeze(1)).mean()
            loss = loss + self.CQL_WEIGHT * gap / len(drawn[1])
        return loss

    def update(
        self,
        batch: Batch,
        candidates: torch.Tensor,
        next_candidates: torch.Tensor,
        config: ActionOptimisationConfig,
        generator: torch.Generator,
    ) -> float:
        """Do one step of Adam and move the target a little; arguments as of `loss`."""
        loss = self.loss(batch, candidates, next_candidates, config, generator)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        with torch.no_grad():
            for target, online in zip(
                self.target.parameters(), self.critic.parameters(), strict=True
            ):
                target.mul_(1.0 - self.TARGET_RATE).add_(self.TARGET_RATE * online)
        return loss.item()

    def _policy_actions(
        self, states: torch.Tensor, candidates: torch.Tensor, config: ActionOptimisationConfig
    ) -> torch.Tensor:
        """Return the best particle as often as actions are needed: π_opt is deterministic here."""
        actions, values = optimise(self.critic, states, candidates, config)
        best = torch.stack([a[i] for a, i in zip(actions, values.argmax(1), strict=True)])
        return best.unsqueeze(1).repeat(1, self.CQL_ACTIONS, 1)


@torch.no_grad()
def sample_diffusion(
    policy: DiffusionPolicy, observations: torch.Tensor, count: int, generator: torch.Generator
) -> torch.Tensor:
    """Draw `count` samples of the averaged network per state (B, count, D), without snapping.

    The first layer takes [observation, action, time] together. Random numbers are drawn in the
    policy's order.
    """
    network = policy.average
    first = torch.cat(
        [network.observation_in.weight, network.action_in.weight, network.time_in.weight], dim=1
    )
    states = policy.normaliser(observations).repeat_interleave(count, dim=0)
    shape = (len(observations), count, policy.action_spec.flat_dim)
    actions = torch.randn(shape, generator=generator).flatten(0, 1)
    for step in reversed(range(policy.steps)):
        time = network.time(torch.full((len(states), 1), float(step)))
        x = nn.functional.linear(
            torch.cat([states, actions, time], dim=1), first, network.observation_in.bias
        )
        noise = network.out(nn.functional.silu(network.blocks(x)))
        beta, alpha_bar = policy.betas[step], policy.alpha_bars[step]
        actions = (actions - beta / (1.0 - alpha_bar).sqrt() * noise) / (1.0 - beta).sqrt()
        if step > 0:
            fresh = torch.randn(shape, generator=generator).flatten(0, 1)
            actions = actions + beta.sqrt() * fresh
        actions = actions.clamp(-1.0, 1.0)
    return actions.unflatten(0, shape[:2])
