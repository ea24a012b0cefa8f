# SPDX-License-Identifier: Apache-2.0
"""The policy classes PARL knows by name, and how a version of one becomes a file and back.

To add a class: implement `parl_policy.policy.Policy`, give it a config dataclass, add a line here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from parl_policy.action_optimisation import ActionOptimisationConfig
from parl_policy.actor import Actor
from parl_policy.config_file import ConfigError, from_mapping, to_mapping
from parl_policy.critic import CriticConfig, CriticEnsemble
from parl_policy.diffusion_policy import DiffusionPolicy, DiffusionPolicyConfig
from parl_policy.edited_policy import EditedPolicy, EditedPolicyConfig
from parl_policy.policy import ActionSpec, Policy
from parl_policy.weights_file import load_weights, weights_to_bytes, WeightsFileError

POLICY_CLASSES: dict[str, tuple[Callable[..., Policy], type[Any]]] = {
    'diffusion': (DiffusionPolicy, DiffusionPolicyConfig),
}


def _edited_policy(
    observation_dim: int, action_spec: ActionSpec, config: EditedPolicyConfig
) -> EditedPolicy:
    base = new_policy(config.base_class, config.base, observation_dim, action_spec)
    return EditedPolicy(base, observation_dim, config)


POLICY_CLASSES['edited'] = (_edited_policy, EditedPolicyConfig)


def new_policy(
    name: str, settings: Mapping[str, Any], observation_dim: int, action_spec: ActionSpec
) -> Policy:
    """An untrained policy of a class.

    Args:
        name: Key of `POLICY_CLASSES`.
        settings: Fields of that class's config.
        observation_dim: O.
        action_spec: Shape of its actions.

    Raises:
        ConfigError: Names the unknown class or setting.
    """
    _check_class(name)
    policy_class, config_class = POLICY_CLASSES[name]
    config = from_mapping(config_class, settings, f'{name} policy')
    return policy_class(observation_dim, action_spec, config)


@dataclass(frozen=True, kw_only=True)
class ActorConfig:
    """Everything besides weights that decides how an actor acts; travels with the weights."""

    policy_class: str
    """Key of `POLICY_CLASSES`."""
    policy: Mapping[str, Any]
    """Fields of that class's config."""
    critic: CriticConfig
    optimisation: ActionOptimisationConfig
    choice: Literal['argmax', 'softmax']
    """Which particle acts."""
    observation_names: tuple[str, ...]
    """Layout of the observation vector."""
    action_spec: ActionSpec

    def __post_init__(self) -> None:
        """Refuse an unknown class."""
        _check_class(self.policy_class)

    def make_policy(self) -> Policy:
        """An untrained policy."""
        return new_policy(
            self.policy_class, self.policy, len(self.observation_names), self.action_spec
        )

    def make_critic(self) -> CriticEnsemble:
        """An untrained critic."""
        return CriticEnsemble(len(self.observation_names), self.action_spec.flat_dim, self.critic)


def version_to_bytes(
    config: ActorConfig, module: Policy | CriticEnsemble, kind: str, version: int
) -> bytes:
    """One policy or critic version as the content of a safetensors file."""
    metadata = {'kind': kind, 'version': version, 'actor': to_mapping(config)}
    return weights_to_bytes(dict(module.state_dict()), metadata)


def load_actor(policy_path: Path, critic_path: Path | None) -> tuple[Actor, ActorConfig, int]:
    """Rebuild an actor from files.

    Args:
        policy_path: A policy version.
        critic_path: The critic of the same version; None acts without optimisation.

    Returns:
        The actor, what it was built from, its version.

    Raises:
        WeightsFileError: A file is damaged, of another kind, or the versions differ.
    """
    tensors, metadata = load_weights(policy_path)
    _check_kind(policy_path, metadata, 'policy')
    config = from_mapping(ActorConfig, metadata['actor'], str(policy_path))
    policy = config.make_policy()
    policy.load_state_dict(tensors)
    critic = None
    if critic_path is not None:
        tensors, critic_metadata = load_weights(critic_path)
        _check_kind(critic_path, critic_metadata, 'critic')
        if critic_metadata['version'] != metadata['version']:
            raise WeightsFileError(
                f'{critic_path.name} is version {critic_metadata["version"]} but '
                f'{policy_path.name} is version {metadata["version"]}; they act as a pair'
            )
        critic = config.make_critic()
        critic.load_state_dict(tensors)
        critic.requires_grad_(False)
    actor = Actor(policy, critic, config.optimisation, config.choice)
    return actor, config, int(metadata['version'])


def _check_kind(path: Path, metadata: Mapping[str, Any], kind: str) -> None:
    if metadata.get('kind') != kind:
        raise WeightsFileError(f'{path} holds a {metadata.get("kind")!r}, expected a {kind}')


def _check_class(name: str) -> None:
    if name not in POLICY_CLASSES:
        raise ConfigError(
            f'policy class {name!r} is unknown; known are {sorted(POLICY_CLASSES)} '
            f'(parl_policy/policy_classes.py)'
        )
