# SPDX-License-Identifier: Apache-2.0
"""Small episodes and settings with which a whole learning run takes less than a second."""

import dataclasses

import pytest
from random_episode import make_episode

from parl_learner.plan.experiment_config import ExperimentConfig
from parl_learner.training.critic_trainer_config import CriticTrainerConfig
from parl_learner.training.learning_config import LearningConfig
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor import Actor
from parl_policy.acting.open_loop_actor import OpenLoopActor
from parl_policy.critics.critic import CriticConfig
from parl_policy.observations import Observation, ObservationNeeds


@pytest.fixture(scope='session')
def played():
    """Makes a practice episode whose actions a policy drew, as a policy node draws them."""

    def play(policy, episode_id='p0', outcome='success', length=10, seed=2, needs=None, **kinds):
        episode = make_episode(episode_id, 'practice', outcome, length, seed, **kinds)
        needs = needs or ObservationNeeds()
        actor = Actor(policy, None, ActionOptimisationConfig(), policy_needs=needs)
        actor = OpenLoopActor(actor, seed)
        films = [list(film) for film in episode.films.values()]
        actions = []
        for step in range(length):
            pictures = {c: film[step] for c, film in zip(episode.films, films, strict=True)}
            seen = Observation(episode.observations[step].copy(), pictures, episode.instruction)
            actions.append(actor.act(step, seen).action)
        return dataclasses.replace(
            episode,
            actions=actions,
            proposed_actions=actions,
            policy_versions=['policy-1'] * length + [''],
            metadata={'seed': seed, 'actor': ''},
        )

    return play


@pytest.fixture(scope='session')
def learning():
    """Makes learning settings of a tiny PA-RL run."""

    def make(**changes):
        settings = {
            'policy': {'hidden': 8, 'blocks': 1, 'ema_rate': 0.1},
            'critic': CriticConfig(members=2, hidden=(8, 8), bins=11),
            'critic_trainer': CriticTrainerConfig(cql_actions=2),
            'optimisation': ActionOptimisationConfig(samples=4, particles=2, gradient_steps=2),
            'imitation_batch_size': 8,
            'critic_batch_size': 8,
            'imitation_steps': 3,
            'offline_critic_steps': 5,
            'particle_refresh_steps': 2,
        }
        return LearningConfig(**(settings | changes))

    return make


@pytest.fixture(scope='session')
def experiment(learning):
    """Makes the settings of an experiment with three rounds of practice: 2, 1 and 1 episodes."""

    def make(**changes):
        settings = {
            'task': 'cup_to_rack',
            'seed': 3,
            'demonstrations': 2,
            'warm_up_episodes': 2,
            'practice_episodes': 4,
            'episodes_per_round': 1,
            'evaluation_episodes': 2,
            'learning': learning(),
        }
        return ExperimentConfig(**(settings | changes))

    return make


@pytest.fixture(scope='session')
def recorded():
    """All episodes of that experiment."""
    return [
        make_episode('demonstrations-0000', 'demonstration', 'success', 6, 0),
        make_episode('demonstrations-0001', 'demonstration', 'timeout', 4, 1),
        make_episode('practice-0000', 'practice', 'timeout', 3, 2),
        make_episode('practice-0001', 'practice', 'success', 2, 3),
        make_episode('practice-0002', 'practice', 'success', 3, 4),
        make_episode('practice-0003', 'practice', 'timeout', 2, 5),
    ]


@pytest.fixture
def demonstrations(recorded):
    return recorded[:2]


@pytest.fixture
def practice(recorded):
    """A round of 3 + 2 control steps."""
    return recorded[2:4]
