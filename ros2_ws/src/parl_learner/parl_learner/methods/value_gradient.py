# SPDX-License-Identifier: Apache-2.0
"""Value gradient: the policy climbs Q through its own samples (SAC, Diffusion-QL, EXPO)."""

from parl_learner.methods.actor_critic import ActorCritic
from parl_learner.training.policy_trainer import PolicyTrainer


class ValueGradient(ActorCritic):
    """Climbs Q; its numbers are those of `policy_trainer.value_gradient`."""

    @classmethod
    def check_policy(cls, policy_trainer: PolicyTrainer, observation_dim: int) -> None:
        """See LearningMethod; samples must pass gradients."""
        policy_trainer.check_value_gradient(observation_dim)

    def follow_critic(self) -> None:
        """Do one gradient step up the critic's mean Q."""
        units = self.units
        batch = units.draw(self.config.imitation_batch_size, self.config.mixing_ratio)
        critic = units.critic_trainer.critic
        units.policy_loss = units.policy_trainer.follow_value(
            lambda actions: critic(batch.observations, actions).mean(0),
            batch.observations,
            batch.actions,
            units.generator,
        )
