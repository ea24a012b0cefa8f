# SPDX-License-Identifier: Apache-2.0
"""Policy updates: on given actions with its own loss (PA-RL Eq. 4.4-4.5), or up the critic."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

import torch

from parl_files.config_file import ConfigError
from parl_learner.training.state_tensors import (
    load_optimiser_tensors,
    optimiser_tensors,
    part,
    prefixed,
)
from parl_learner.training.value_gradient import (
    temperature_loss,
    value_gradient_loss,
    ValueGradientConfig,
)
from parl_policy.observations import States
from parl_policy.policy import Policy, ReparameterisedPolicy


@dataclass(frozen=True, kw_only=True)
class PolicyTrainerConfig:
    """Numbers of imitation and of distillation, and those of 'value_gradient'."""

    imitation_learning_rate: float = 3e-4
    """Learning rate of Adam during pre-training."""
    distillation_learning_rate: float = 5e-5
    """Learning rate of Adam during practice, which begins with new moments."""
    micro_batch: int | None = None
    """States of which imitation and distillation hold the gradient's graph at a time.

    The gradients of all pieces of a batch add up to that of the batch: a big policy needs less
    memory for it. None takes the batch whole.
    """
    largest_gradient: float | None = None
    """Norm to which a longer gradient of the policy is shortened; None shortens none."""
    value_gradient: ValueGradientConfig = field(default_factory=ValueGradientConfig)
    """Numbers of the method 'value_gradient'."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        for name in ('imitation_learning_rate', 'distillation_learning_rate'):
            if not getattr(self, name) >= 0:
                raise ValueError(f'{name} must be 0 or more: {getattr(self, name)}')
        if self.micro_batch is not None and self.micro_batch < 1:
            raise ValueError(f'micro_batch must be at least 1: {self.micro_batch}')
        if self.largest_gradient is not None and not self.largest_gradient > 0:
            raise ValueError(f'largest_gradient must be above 0: {self.largest_gradient}')


class PolicyTrainer:
    """Owns the policy's optimiser, and the temperature of an entropy term."""

    def __init__(self, policy: Policy, config: PolicyTrainerConfig) -> None:
        """Begin with imitation."""
        self.policy = policy
        self.config = config
        self.log_temperature = torch.zeros((), requires_grad=True)
        self._begin(config.imitation_learning_rate)

    def begin_distillation(self) -> None:
        """Change to the distillation learning rate, and reset Adam's moments."""
        self._begin(self.config.distillation_learning_rate)

    def update(
        self,
        observations: States,
        targets: torch.Tensor,
        generator: torch.Generator,
        weights: torch.Tensor | None = None,
    ) -> float:
        """Do one gradient step on targets (B, m, D) with weights (B, m); return the loss."""
        states = len(targets)
        size = self.config.micro_batch or states
        self.optimiser.zero_grad(set_to_none=True)
        total = 0.0
        for first in range(0, states, size):
            rows = slice(first, first + size)
            context = self.policy.encode(observations[rows])
            weighed = None if weights is None else weights[rows]
            losses = self.policy.loss(context, targets[rows], weighed, generator)
            # The last piece may be smaller, and its mean then counts less.
            loss = losses.mean() * (len(losses) / states)
            loss.backward(inputs=self._parameters)
            total += loss.item()
        self._descend()
        return total

    def check_whole_batches(self, method: str) -> None:
        """Refuse `micro_batch` for a method whose loss is of a batch as a whole.

        Raises:
            ConfigError: It is set.
        """
        if self.config.micro_batch is not None:
            raise ConfigError(
                f'method {method!r} takes a batch whole, but policy_trainer.micro_batch is '
                f'{self.config.micro_batch}; remove it, or lower imitation_batch_size'
            )

    def check_value_gradient(self, example: States) -> None:
        """Refuse a policy class that `follow_value` cannot train, before anything is trained.

        Raises:
            ConfigError: Its samples pass no gradients, it does not know their density, or batches
                are to be taken in pieces.
        """
        self.check_whole_batches('value_gradient')
        policy, name = self.policy, type(self.policy).__name__
        if not isinstance(policy, ReparameterisedPolicy):
            raise ConfigError(
                f'{name} has no rsample: method value_gradient needs a policy class whose samples '
                f'pass gradients (gaussian, diffusion, flow, edited)'
            )
        if self.config.value_gradient.target_entropy is None:
            return
        with torch.no_grad():
            context = policy.encode(example)
            generator = torch.Generator(torch.get_default_device())
            _, log_probs = policy.rsample(context, 1, generator)
        if log_probs is None:
            raise ConfigError(
                f'{name} does not know its log-probabilities; remove value_gradient.target_entropy'
            )

    def follow_value(
        self,
        q_function: Callable[[torch.Tensor], torch.Tensor],
        observations: States,
        data_actions: torch.Tensor,
        generator: torch.Generator,
        weights: torch.Tensor | None = None,
    ) -> float:
        """Do one gradient step up Q through a sample of the policy; return the loss.

        Q gets binary entries as -1 or 1; the gradient is that of the values before rounding.

        Args:
            q_function: Q at the observations, from actions (B, 1, D) to values (B, 1).
            observations: B states.
            data_actions: (B, D), for the imitation term.
            generator: Source of all randomness.
            weights: (B, 1) of the data's actions in the imitation term; None for 1 each.
        """
        policy = cast(ReparameterisedPolicy, self.policy)
        config = self.config.value_gradient
        context = policy.encode(observations)
        actions, log_probs = policy.rsample(context, 1, generator)
        snapped = actions + (policy.action_spec.snap(actions) - actions).detach()
        loss = value_gradient_loss(q_function(snapped).squeeze(1), config.normalise_values)
        if config.target_entropy is not None:
            assert log_probs is not None  # `check_value_gradient`
            loss = loss + self.log_temperature.detach().exp() * log_probs.mean()
        if config.imitation_weight > 0.0:
            imitation = policy.loss(context, data_actions.unsqueeze(1), weights, generator)
            loss = loss + config.imitation_weight * imitation.mean()
        value = self.step(loss)
        if config.target_entropy is not None and log_probs is not None:
            self._adapt_temperature(log_probs, config.target_entropy)
        return value

    def step(self, loss: torch.Tensor) -> float:
        """Do one gradient step down a loss of the policy; return the loss."""
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward(inputs=self._parameters)
        self._descend()
        return loss.item()

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the tensors that a checkpoint keeps beside the policy."""
        return {
            'log_temperature': self.log_temperature.detach(),
            **prefixed('adam', optimiser_tensors(self.optimiser)),
            **prefixed('temperature_adam', optimiser_tensors(self._temperature_optimiser)),
        }

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Restore what `state_dict` returned."""
        self.log_temperature.data.copy_(state['log_temperature'])
        load_optimiser_tensors(self.optimiser, part(state, 'adam'))
        load_optimiser_tensors(self._temperature_optimiser, part(state, 'temperature_adam'))

    def _descend(self) -> None:
        """Let the optimiser follow the gradient, which is shortened if it is too long."""
        if self.config.largest_gradient is not None:
            torch.nn.utils.clip_grad_norm_(self._parameters, self.config.largest_gradient)
        self.optimiser.step()
        self.policy.after_update()

    def _begin(self, learning_rate: float) -> None:
        parameters = self.policy.trainable_parameters()
        self._parameters = [each for each in parameters if each.requires_grad]
        self.optimiser = torch.optim.Adam(self._parameters, lr=learning_rate, fused=True)
        self._temperature_optimiser = torch.optim.Adam([self.log_temperature], lr=learning_rate)

    def _adapt_temperature(self, log_probs: torch.Tensor, target_entropy: float) -> None:
        self._temperature_optimiser.zero_grad(set_to_none=True)
        temperature_loss(self.log_temperature, log_probs, target_entropy).backward()
        self._temperature_optimiser.step()
