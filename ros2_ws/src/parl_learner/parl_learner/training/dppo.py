# SPDX-License-Identifier: Apache-2.0
"""DPPO (arXiv 2409.00588): policy gradient through the denoising steps of a diffusion policy.

Each denoising step is an action of its own with a Gaussian density, so PPO applies. All steps of a
chain have the advantage of the action at its end. The method is on-policy: a round learns from its
own episodes, then forgets them. Episodes do not keep the chains. The version that acted draws them
again from the episode's seed, and the recorded actions show that they are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import math

import torch

from parl_files.config_file import ConfigError
from parl_files.episode import Episode, EpisodeError
from parl_learner.replay.observation_table import StateTable
from parl_learner.replay.recorded_episode import RecordedEpisode
from parl_learner.replay.replay import Batch
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
"""Updates of the state value before the first round."""
ROWS_AT_ONCE = 256
"""Observations that are encoded at once."""
SAME_ACTION = 1e-3
"""Largest difference between a recorded action and the one drawn again."""


@dataclass(frozen=True, kw_only=True)
class DppoConfig:
    """Numbers of DPPO; defaults are the paper's where it gives one number for all tasks."""

    epochs: int = 10
    """Passes over a round's transitions."""
    clip: float = 0.01
    """Largest deviation of a step's density ratio from 1 (ε)."""
    trained_steps: int = 4
    """Number of last denoising steps that are trained (K').

    In the first step of the cosine schedule the network's output counts 31 times as much as the
    noise, so any change of the weights leaves the trust region there. In the paper a frozen
    network of their own does the steps that are not trained; here they share the weights.
    """
    denoising_discount: float = 0.99
    """Factor of the advantage for each denoising step that follows, in (0, 1]."""
    trace: float = 0.95
    """λ of generalised advantage estimation, in [0, 1]."""
    value_hidden: tuple[int, ...] = (256, 256)
    """Width of each layer of the state value."""
    value_learning_rate: float = 1e-3
    """Learning rate of Adam for the state value."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.epochs < 1 or self.trained_steps < 1 or self.clip <= 0.0:
            raise ValueError(
                f'dppo.epochs and trained_steps must be at least 1 and clip above 0: {self}'
            )
        if not 0.0 < self.denoising_discount <= 1.0 or not 0.0 <= self.trace <= 1.0:
            raise ValueError(f'dppo.denoising_discount and trace must lie in [0, 1]: {self}')

    def updates(self, transitions: int, batch_size: int) -> int:
        """Return the number of policy updates in a round with so many transitions."""
        return self.epochs * math.ceil(transitions / batch_size)


def generalised_advantages(
    rewards: torch.Tensor, discounts: torch.Tensor, values: torch.Tensor, trace: float
) -> torch.Tensor:
    """Return the GAE(λ) advantages of one episode (arXiv 1506.02438, Eq. 16).

    Args:
        rewards: (N,).
        discounts: (N,), 0 after a success only, so that time-outs bootstrap.
        values: (N + 1,) values of the observations.
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
    """Return PPO's clipped loss (), a mean over denoising steps and batch (DPPO, Sec. 4).

    Args:
        log_ratios: (T, B) new minus old log-density, in the order of the denoising steps.
        advantages: (B,) of the environment's actions.
        clip: ε.
        denoising_discount: γ of a denoising step: the last one has weight 1, the one before γ,
            the one before that γ².
    """
    steps_left = torch.arange(len(log_ratios) - 1, -1, -1)
    weighed = advantages * (denoising_discount**steps_left).unsqueeze(1)
    ratios = log_ratios.exp()
    return -torch.minimum(ratios * weighed, ratios.clamp(1 - clip, 1 + clip) * weighed).mean()


class Dppo:
    """Owns the state value and the transitions of the current round."""

    def __init__(
        self,
        policy: Policy,
        policy_trainer: PolicyTrainer,
        config: DppoConfig,
        discount: float,
    ) -> None:
        """Begin without transitions.

        Raises:
            ConfigError: The policy is not a diffusion policy, or has no density for each step, or
                batches are to be taken in pieces.
        """
        policy_trainer.check_whole_batches('dppo')
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

    def fit_value(
        self, states: StateTable, batch: Batch, batch_size: int, generator: torch.Generator
    ) -> None:
        """Train the state value on the returns of these transitions, before the first round.

        `states` are all observations of the replay, as the policy sees them.

        An untrained value is near 0, which is the best value where rewards are -1. A time-out
        would then look like a success, and the few updates of a round do not correct that.
        """
        with torch.no_grad():
            parts = batch.rows.split(ROWS_AT_ONCE)
            context = torch.cat([self.policy.encode(states[rows]) for rows in parts])
        for _ in range(VALUE_WARM_UP_STEPS):
            chosen = torch.randint(len(context), (batch_size,), generator=generator)
            self._step_value(context[chosen], batch.returns[chosen])

    @torch.no_grad()
    def begin_round(self, states: StateTable, episodes: Sequence[RecordedEpisode]) -> None:
        """Draw the chains of a round's episodes again, and compute their advantages.

        Args:
            states: All observations of the replay, as the policy sees them.
            episodes: The round's episodes, whose observations are the last of the replay.

        Raises:
            EpisodeError: The policy draws other actions than an episode recorded.
        """
        self.policy.eval()
        counts = [len(episode.observations) for episode in episodes]
        rows = torch.arange(len(states) - sum(counts), len(states)).split(counts)
        columns = [
            self._columns(episode, of_episode, states)
            for episode, of_episode in zip(episodes, rows, strict=True)
        ]
        self._round = {
            name: torch.cat([column[name] for column in columns]) for name in columns[0]
        }

    def update(self, states: StateTable, batch_size: int, generator: torch.Generator) -> float:
        """Do one update of the policy and one of the state value; return the policy's loss.

        `states` are all observations of the replay, as the policy sees them.
        """
        self.policy.eval()  # dropout would look like a change of the policy
        chosen = torch.randint(len(self._round['advantages']), (batch_size,), generator=generator)
        batch = {name: column[chosen] for name, column in self._round.items()}
        context = self.policy.encode(states[batch['rows']])
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
        """Return the tensors that a checkpoint keeps."""
        return (
            prefixed('value', self.value.state_dict())
            | prefixed('adam', optimiser_tensors(self.optimiser))
            | prefixed('round', self._round)
        )

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Restore what `state_dict` returned."""
        self.value.load_state_dict(part(state, 'value'))
        load_optimiser_tensors(self.optimiser, part(state, 'adam'))
        self._round = dict(part(state, 'round'))

    def _step_value(self, context: torch.Tensor, returns: torch.Tensor) -> None:
        loss = (self._values(context) - returns).square().mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()

    def _values(self, context: torch.Tensor) -> torch.Tensor:
        """Return values (B,) of states; the network's unit is 1 / (1 - discount)."""
        values: torch.Tensor = self.value(context)
        return values / (1.0 - self.discount)

    def _columns(
        self, episode: RecordedEpisode, rows: torch.Tensor, states: StateTable
    ) -> dict[str, torch.Tensor]:
        context = self.policy.encode(states[rows])
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
            'rows': rows[steps],
            'chains': chains.transpose(0, 1),
            'log_probs': log_probs.squeeze(2).t(),
            'advantages': advantages[steps],
            'returns': (advantages + values[:-1])[steps],
        }

    def _chains(
        self, episode: RecordedEpisode, context: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the steps (n,) at which the policy acted, and their chains (T + 1, n, D)."""
        if not isinstance(episode, Episode) or 'seed' not in episode.metadata:
            raise EpisodeError(
                f'episode {episode.episode_id} keeps no seed, so its denoising chains cannot be '
                "drawn again; method dppo learns only from the station's episodes"
            )
        generator = torch.Generator().manual_seed(episode.metadata['seed'])
        steps = [step for step in range(len(episode)) if episode.policy_versions[step]]
        policy, chains = self.policy, []
        for step in steps:
            # One state at a time, as in the episode, so that the same numbers are drawn.
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
