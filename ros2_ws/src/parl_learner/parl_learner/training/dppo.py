# SPDX-License-Identifier: Apache-2.0
"""DPPO (arXiv 2409.00588): policy gradient through the denoising steps of a diffusion policy.

Each denoising step is an action of its own with a Gaussian density, so PPO applies: all steps of a
chain share the advantage of the action they end in. On-policy: a round learns from its own
episodes, then forgets them. Episodes keep no chains; the version that acted draws them again from
the episode's seed, and the recorded actions show that they are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import math

import torch

from parl_files.config_file import ConfigError
from parl_files.episode import Episode, EpisodeError
from parl_learner.replay.replay import Batch, RecordedEpisode
from parl_learner.training.policy_trainer import PolicyTrainer
from parl_learner.training.state_tensors import (
    load_optimiser_tensors,
    optimiser_tensors,
    part,
    prefixed,
)
from parl_learner.training.state_value import StateValue
from parl_policy.policies.diffusion import DiffusionPolicy
from parl_policy.policy import Policy

VALUE_WARM_UP_STEPS = 300
SAME_ACTION = 1e-3
"""Largest difference between a recorded action and the one drawn again."""


@dataclass(frozen=True, kw_only=True)
class DppoConfig:
    """Names and defaults follow the paper where it gives one number for all tasks."""

    epochs: int = 10
    """Passes over a round's transitions."""
    clip: float = 0.01
    """Trust region of the density ratio of a step (ε)."""
    trained_steps: int = 4
    """Last denoising steps whose density counts (K').

    The first step of the cosine schedule makes 31 times as much of the network's output as it
    draws noise, so that any change of the weights leaves the trust region there. In the paper the
    steps before have a frozen network of their own; here they share the weights.
    """
    denoising_discount: float = 0.99
    """Weight of the advantage, for each denoising step that follows."""
    trace: float = 0.95
    """λ of generalised advantage estimation."""
    value_hidden: tuple[int, ...] = (256, 256)
    """Width of each layer of the state value."""
    value_learning_rate: float = 1e-3
    """Adam, of the state value."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.epochs < 1 or self.trained_steps < 1 or self.clip <= 0.0:
            raise ValueError(
                f'dppo.epochs and trained_steps must be at least 1 and clip above 0: {self}'
            )
        if not 0.0 < self.denoising_discount <= 1.0 or not 0.0 <= self.trace <= 1.0:
            raise ValueError(f'dppo.denoising_discount and trace must lie in [0, 1]: {self}')

    def updates(self, transitions: int, batch_size: int) -> int:
        """Policy updates of a round with so many transitions."""
        return self.epochs * math.ceil(transitions / batch_size)


def generalised_advantages(
    rewards: torch.Tensor, discounts: torch.Tensor, values: torch.Tensor, trace: float
) -> torch.Tensor:
    """GAE(λ) of one episode (arXiv 1506.02438, Eq. 16).

    Args:
        rewards: (N,).
        discounts: (N,) 0 after a success, so that time-outs bootstrap.
        values: (N + 1,) of the observations.
        trace: λ.

    Returns:
        (N,).
    """
    errors = rewards + discounts * values[1:] - values[:-1]
    advantages, following = torch.empty_like(errors), torch.zeros(())
    for step in reversed(range(len(errors))):
        following = errors[step] + discounts[step] * trace * following
        advantages[step] = following
    return advantages


def clipped_loss(
    log_ratios: torch.Tensor, advantages: torch.Tensor, clip: float, denoising_discount: float
) -> torch.Tensor:
    """PPO's clipped loss over denoising steps (DPPO, Sec. 4), mean over steps and batch.

    Args:
        log_ratios: (T, B) new less old log-density, the first denoising step first.
        advantages: (B,) of the environment's actions.
        clip: ε.
        denoising_discount: The last denoising step has weight 1, the one before this weight, …
    """
    steps_left = torch.arange(len(log_ratios) - 1, -1, -1)
    weighed = advantages * (denoising_discount**steps_left).unsqueeze(1)
    ratios = log_ratios.exp()
    return -torch.minimum(ratios * weighed, ratios.clamp(1 - clip, 1 + clip) * weighed).mean()


class Dppo:
    """Owns the state value and the transitions of the round under way."""

    def __init__(
        self,
        policy: Policy,
        policy_trainer: PolicyTrainer,
        config: DppoConfig,
        discount: float,
    ) -> None:
        """Begin without transitions.

        Raises:
            ConfigError: The policy is no diffusion policy with the density that this needs.
        """
        if (
            not isinstance(policy, DiffusionPolicy)
            or policy.ema_rate < 1.0
            or policy.stds.min() <= 0.0
        ):
            raise ConfigError(
                'method dppo needs policy_class diffusion with policy.least_std above 0 (every '
                'denoising step has a density) and policy.ema_rate 1 (what acts is what learns)'
            )
        self.config, self.discount = config, discount
        self.policy, self.policy_trainer = policy, policy_trainer
        self.value = StateValue(policy.normaliser.features, config.value_hidden)
        self.optimiser = torch.optim.Adam(
            self.value.parameters(), lr=config.value_learning_rate, fused=True
        )
        self._round: dict[str, torch.Tensor] = {}

    def fit_value(self, batch: Batch, batch_size: int, generator: torch.Generator) -> None:
        """Learn the returns of these transitions before the first round.

        From a value of 0, which with rewards of -1 is the best there is, a time-out would look
        like a success; a round's few updates do not mend that.
        """
        with torch.no_grad():
            context = self.policy.encode(batch.observations)
        for _ in range(VALUE_WARM_UP_STEPS):
            chosen = torch.randint(len(context), (batch_size,), generator=generator)
            self._step_value(context[chosen], batch.returns[chosen])

    @torch.no_grad()
    def begin_round(self, episodes: Sequence[RecordedEpisode]) -> None:
        """Draw the chains of a round's episodes again, and find their advantages.

        Raises:
            EpisodeError: The policy does not draw an episode's actions again.
        """
        self.policy.eval()
        columns = [self._columns(episode) for episode in episodes]
        self._round = {
            name: torch.cat([column[name] for column in columns]) for name in columns[0]
        }

    def update(self, batch_size: int, generator: torch.Generator) -> float:
        """One step of the policy and one of the state value; returns the policy's loss."""
        self.policy.eval()  # dropout would be taken for a change of the policy
        chosen = torch.randint(len(self._round['advantages']), (batch_size,), generator=generator)
        batch = {name: column[chosen] for name, column in self._round.items()}
        context = self.policy.encode(batch['observations'])
        chain = batch['chains'].transpose(0, 1).unsqueeze(2)
        log_probs = self.policy.chain_log_probs(self.policy.network, context, chain).squeeze(2)
        advantages = batch['advantages']
        loss = clipped_loss(
            (log_probs - batch['log_probs'].t())[-self.config.trained_steps :],
            (advantages - advantages.mean()) / (advantages.std() + 1e-6),
            self.config.clip,
            self.config.denoising_discount,
        )
        self._step_value(context.detach(), batch['returns'])
        return self.policy_trainer.step(loss)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """What a checkpoint keeps."""
        return (
            prefixed('value', self.value.state_dict())
            | prefixed('adam', optimiser_tensors(self.optimiser))
            | prefixed('round', self._round)
        )

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Inverse of `state_dict`."""
        self.value.load_state_dict(part(state, 'value'))
        load_optimiser_tensors(self.optimiser, part(state, 'adam'))
        self._round = dict(part(state, 'round'))

    def _step_value(self, context: torch.Tensor, returns: torch.Tensor) -> None:
        loss = (self._values(context) - returns).square().mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()

    def _values(self, context: torch.Tensor) -> torch.Tensor:
        """Values (B,) of states; the network predicts them in units of an endless reward of 1."""
        values: torch.Tensor = self.value(context)
        return values / (1.0 - self.discount)

    def _columns(self, episode: RecordedEpisode) -> dict[str, torch.Tensor]:
        observations = torch.tensor(episode.observations)
        context = self.policy.encode(observations)
        values = self._values(context)
        discounts = self.discount * ~torch.tensor(episode.terminated)
        advantages = generalised_advantages(
            torch.tensor(episode.rewards), discounts, values, self.config.trace
        )
        steps, chains = self._chains(episode, context)
        log_probs = self.policy.chain_log_probs(
            self.policy.network, context[steps], chains.unsqueeze(2)
        )
        return {
            'observations': observations[steps],
            'chains': chains.transpose(0, 1),
            'log_probs': log_probs.squeeze(2).t(),
            'advantages': advantages[steps],
            'returns': (advantages + values[:-1])[steps],
        }

    def _chains(
        self, episode: RecordedEpisode, context: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Steps (n,) at which the policy acted, and their chains (T + 1, n, D)."""
        if not isinstance(episode, Episode) or 'seed' not in episode.metadata:
            raise EpisodeError(
                f'episode {episode.episode_id} keeps no seed, so its denoising chains cannot be '
                "drawn again; method dppo learns from the station's episodes alone"
            )
        generator = torch.Generator().manual_seed(episode.metadata['seed'])
        steps = [step for step in range(len(episode)) if episode.policy_versions[step]]
        policy, chains = self.policy, []
        for step in steps:
            # One state at a time, as they were drawn.
            here = context[step : step + 1]
            chain = policy.denoising_chain(policy.average, here, 1, generator)[:, 0]
            action = policy.action_spec.snap(chain[-1].clamp(-1.0, 1.0))
            difference = (action - torch.tensor(episode.proposed_actions[step])).abs().max()
            if difference > SAME_ACTION:
                raise EpisodeError(
                    f'episode {episode.episode_id}, step {step}: the policy drew an action that '
                    f'differs by {difference:.3g} from the recorded one; another version acted'
                )
            chains.append(chain)
        return torch.tensor(steps), torch.cat(chains, dim=1)
