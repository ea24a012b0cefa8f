# SPDX-License-Identifier: Apache-2.0
"""Writes versions of a policy and its critic to files, and makes an actor from the files."""

from collections.abc import Mapping
import dataclasses
from dataclasses import dataclass, field
import functools
from pathlib import Path
from typing import Any, Literal

import torch

from parl_files.config_file import ConfigError, from_mapping, to_mapping
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor import Actor
from parl_policy.acting.weights_file import load_weights, weights_to_bytes, WeightsFileError
from parl_policy.compute.precision import slow_because
from parl_policy.critics.critic import CriticConfig, CriticEnsemble
from parl_policy.networks.picture_augmentation import AugmentationConfig
from parl_policy.observations import needs_of, ObservationNeeds, Size
from parl_policy.policies.registry import new_policy, policy_needs, policy_visions
from parl_policy.policy import ActionSpec, Policy


@dataclass(frozen=True, kw_only=True)
class ActorConfig:
    """Everything but the weights that decides how an actor acts; it is stored with the weights."""

    policy_class: str
    """Key of `POLICY_CLASSES`, or `package.module:Class`."""
    policy: Mapping[str, Any]
    """Fields of the config of that class."""
    critic: CriticConfig
    optimisation: ActionOptimisationConfig
    choice: Literal['argmax', 'softmax']
    """How a particle is chosen."""
    observation_names: tuple[str, ...]
    """Name of every number of an observation."""
    action_spec: ActionSpec
    cameras: Mapping[str, Size] = field(default_factory=dict)
    """Size of the recorded pictures of each camera, by its name."""

    def __post_init__(self) -> None:
        """Check that the class is known, and that the observations hold what is needed."""
        for who, needs in {'policy': self.policy_needs, 'critic': self.critic_needs}.items():
            if why := needs.misfit(self.cameras):
                raise ConfigError(f'the {who} {why}')

    @functools.cached_property
    def policy_needs(self) -> ObservationNeeds:
        """What the policy needs besides numbers."""
        return policy_needs(self.policy_class, self.policy)

    @functools.cached_property
    def policy_augmentation(self) -> AugmentationConfig | None:
        """Random changes of the policy's pictures in training: as it says itself, or its base.

        None if neither says it, or if one has waypoints: they are frozen, and a place in a picture
        that is moved would be a wrong one.
        """
        visions = [each for each in policy_visions(self.policy_class, self.policy) if each]
        if not visions or any(each.waypoints for each in visions):
            return None
        return visions[0].augmentation

    @functools.cached_property
    def critic_needs(self) -> ObservationNeeds:
        """What the critic needs besides numbers."""
        return needs_of(self.critic)

    def make_policy(self) -> Policy:
        """Make an untrained policy."""
        numbers = len(self.observation_names)
        return new_policy(self.policy_class, self.policy, numbers, self.action_spec)

    def make_critic(self) -> CriticEnsemble:
        """Make an untrained critic."""
        numbers = len(self.observation_names)
        return CriticEnsemble(numbers, self.action_spec.flat_dim, self.critic)


def version_to_bytes(
    config: ActorConfig, module: Policy | CriticEnsemble, kind: str, version: int
) -> bytes:
    """Serialise a policy or critic version as the content of a safetensors file.

    Raises:
        WeightsNotFiniteError: A weight is NaN or infinite.
    """
    metadata = {'kind': kind, 'version': version, 'actor': to_mapping(config)}
    return weights_to_bytes(dict(module.state_dict()), metadata)


def load_actor(policy_path: Path, critic_path: Path | None) -> tuple[Actor, ActorConfig, int]:
    """Rebuild an actor from files.

    It acts in float32 where the precision that the files ask for is slow on this device.

    Args:
        policy_path: File of a policy version.
        critic_path: File of the critic of the same version; None for an actor without one.

    Returns:
        The actor, its configuration and its version.

    Raises:
        WeightsFileError: A file is damaged, of another kind, or the versions differ.
    """
    tensors, config, version = _load_version(policy_path, 'policy')
    policy = config.make_policy()
    _fill(policy, tensors, policy_path)
    critic = None
    if critic_path is not None:
        tensors, _, critic_version = _load_version(critic_path, 'critic')
        if critic_version != version:
            raise WeightsFileError(
                f'{critic_path.name} is version {critic_version} but {policy_path.name} is '
                f'version {version}; give two files of the same version'
            )
        critic = config.make_critic()
        _fill(critic, tensors, critic_path)
        critic.requires_grad_(False)
    optimisation = config.optimisation
    if slow_because(optimisation.precision):
        optimisation = dataclasses.replace(optimisation, precision='float32')
    actor = Actor(
        policy,
        critic,
        optimisation,
        config.choice,
        policy_needs=config.policy_needs,
        critic_needs=config.critic_needs,
    )
    return actor, config, version


def read_actor_config(path: Path) -> ActorConfig:
    """Read how a version acts, without making its networks.

    Raises:
        WeightsFileError: The file is damaged, or holds no policy.
    """
    return _load_version(path, 'policy')[1]


def fill_policy(policy: Policy, path: Path) -> None:
    """Give a policy the weights of a version that was made with the same configuration.

    Raises:
        WeightsFileError: The file is damaged, holds no policy, or one of another form.
    """
    tensors, _, _ = _load_version(path, 'policy')
    _fill(policy, tensors, path)


def _load_version(path: Path, kind: str) -> tuple[dict[str, torch.Tensor], ActorConfig, int]:
    tensors, metadata = load_weights(path)
    if metadata.get('kind') != kind:
        raise WeightsFileError(f'{path} holds a {metadata.get("kind")!r}, expected a {kind}')
    missing = {'actor', 'version'} - set(metadata)
    if missing:
        raise WeightsFileError(f'{path} does not say its {sorted(missing)}; train it again')
    config = from_mapping(ActorConfig, metadata['actor'], str(path))
    return tensors, config, int(metadata['version'])


def _fill(
    module: Policy | CriticEnsemble, tensors: Mapping[str, torch.Tensor], path: Path
) -> None:
    try:
        module.load_state_dict(tensors)
    except (KeyError, RuntimeError) as error:
        raise WeightsFileError(
            f'{path} does not fit the network that it describes: {error}; another version of the '
            f'code wrote it, or it was altered: train it again'
        ) from error
