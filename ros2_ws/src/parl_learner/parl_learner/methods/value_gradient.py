# SPDX-License-Identifier: Apache-2.0
"""Value gradient: the policy climbs Q through its own samples (SAC, Diffusion-QL, EXPO)."""

from parl_learner.methods.actor_critic import ActorCritic
from parl_learner.training.policy_trainer import PolicyTrainer
from parl_policy.observations import States


class ValueGradient(ActorCritic):
    """Climbs Q; its numbers are those of `policy_trainer.value_gradient`."""

    @classmethod
    def check_policy(cls, policy_trainer: PolicyTrainer, example: States) -> None:
        """See LearningMethod; samples must pass gradients."""
        policy_trainer.check_value_gradient(example)

    def follow_critic(self) -> None:
        """Do one gradient step up the critic's mean Q."""
        units = self.units
        batch = units.draw(self.config.imitation_batch_size, self.config.mixing_ratio)
        critic, seen = units.critic_trainer.critic, units.critic_sees(batch).observations
        units.policy_loss = units.policy_trainer.follow_value(
            lambda actions: critic(seen, actions).mean(0),
            units.policy_sees(batch),
            batch.actions,
            units.generator,
            units.takeover_weights(batch),
        )
