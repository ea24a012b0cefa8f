# SPDX-License-Identifier: Apache-2.0
"""The episodes of a run, for practice and evaluation, from starts that its seed fixes."""

import gymnasium
import torch

from parl_files.episode import Purpose
from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.offline.environments.derived_seed import derived_seed
from parl_learner.offline.environments.play import play, PlayedEpisode
from parl_learner.offline.environments.vector_actor import VectorActor
from parl_learner.offline.run.training_config import TrainingConfig
from parl_policy.acting.actor import Actor


class Player:
    """Plays in environments that it opens when they are needed."""

    def __init__(self, config: TrainingConfig, loop: LearningLoop) -> None:
        """Keep configuration and loop; open no environment yet."""
        self._config, self._loop = config, loop
        self._environments: list[gymnasium.Env] = []

    def practise(self, round_index: int) -> list[PlayedEpisode]:
        """Play the episodes of a practice round, each from a start of its own."""
        config = self._config
        start = sum(config.practice_rounds[: round_index - 1])
        numbers = range(start, start + config.practice_rounds[round_index - 1])
        seeds = [derived_seed(Purpose.PRACTICE, config.seed, number) for number in numbers]
        optimise = self._loop.method.acts_with_critic(config.learning)
        return self._play(optimise, seeds, Purpose.PRACTICE, round_index)

    def evaluate(self, optimise: bool, round_index: int) -> list[PlayedEpisode]:
        """Play evaluation episodes of the newest version, with its critic or without.

        The starts are the same for all versions, all methods and all seeds of training.
        """
        numbers = range(self._config.evaluation_episodes)
        seeds = [derived_seed(Purpose.EVALUATION, number) for number in numbers]
        return self._play(optimise, seeds, Purpose.EVALUATION, round_index)

    def close(self) -> None:
        """Close all environments."""
        for environment in self._environments:
            environment.close()
        self._environments.clear()

    def _play(
        self, optimise: bool, seeds: list[int], purpose: Purpose, round_index: int
    ) -> list[PlayedEpisode]:
        config, environment = self._config, self._config.environment
        assert environment is not None
        while len(self._environments) < min(config.parallel_environments, len(seeds)):
            self._environments.append(environment.make())
        critic = self._loop.critic_trainer.critic if optimise else None
        learning = config.learning
        draws = derived_seed(f'actions in {purpose}', config.seed, round_index)
        actor = Actor(
            self._loop.policy,
            critic,
            learning.practice_optimisation,
            learning.choice,
            explores=purpose != Purpose.EVALUATION,
            policy_needs=self._loop.actor_config.policy_needs,
            critic_needs=self._loop.actor_config.critic_needs,
        )
        return play(
            self._environments[: len(seeds)],
            VectorActor(actor, torch.Generator(torch.get_default_device()).manual_seed(draws)),
            seeds,
            max_steps=environment.max_steps,
            reset_options=environment.reset_options,
            convention=config.reward,
            purpose=purpose,
            name=f'{purpose}-{round_index:05d}',
        )
