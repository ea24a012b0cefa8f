# SPDX-License-Identifier: Apache-2.0
"""The policy as its class makes it: where learning begins, and version 0 of a zero-shot one."""

from collections.abc import Mapping, Sequence
import dataclasses

import torch

from parl_learner.plan.experiment_config import ExperimentConfig
from parl_learner.training.learning_config import LearningConfig
from parl_policy.acting.actor_file import ActorConfig, version_to_bytes
from parl_policy.episode.action_space import ACTION_DIM, GRIPPER
from parl_policy.episode.observation import ObservationLayout
from parl_policy.observations import Size
from parl_policy.policy import ActionSpec, Policy

STATION_ACTION = ActionSpec(horizon=1, dim=ACTION_DIM, binary=(GRIPPER,))


def actor_config(
    config: LearningConfig,
    observation_names: Sequence[str],
    cameras: Mapping[str, Size],
    action_spec: ActionSpec = STATION_ACTION,
) -> ActorConfig:
    """Return how policy and critic of these settings are made.

    Args:
        config: All numbers.
        observation_names: Names of the numbers of an observation.
        cameras: Recorded size of the pictures of each camera, by its name.
        action_spec: Layout of a control step; the station's by default.
    """
    return ActorConfig(
        policy_class=config.policy_class,
        policy=config.policy,
        critic=config.critic,
        optimisation=config.practice_optimisation,
        choice=config.choice,
        observation_names=tuple(observation_names),
        action_spec=dataclasses.replace(action_spec, horizon=config.action_horizon),
        cameras=cameras,
    )


def untrained_policy(config: ActorConfig, seed: int) -> Policy:
    """Make a policy; torch's own draws begin anew with the seed."""
    torch.manual_seed(seed)
    return config.make_policy()


def version_zero(config: ExperimentConfig) -> bytes:
    """Return the file of version 0 of a zero-shot experiment: the same bytes each time.

    No episode shows yet what an observation holds, but with cameras the experiment tells.
    """
    layout = ObservationLayout(object_names=(), cameras=config.cameras)
    actor = actor_config(config.learning, layout.names, config.cameras)
    return version_to_bytes(actor, untrained_policy(actor, config.seed), 'policy', 0)
