# SPDX-License-Identifier: Apache-2.0
"""The policy classes PARL knows by name, and how a version of one becomes a file and back.

A class of your own needs no line here: its name is `package.module:Class` (see
`docs/bring_your_own_policy.md`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
import importlib
from pathlib import Path
from typing import Any, get_type_hints, Literal

import torch

from parl_policy.action_optimisation import ActionOptimisationConfig
from parl_policy.actor import Actor
from parl_policy.autoregressive_policy import AutoregressivePolicy, AutoregressivePolicyConfig
from parl_policy.config_file import ConfigError, from_mapping, to_mapping
from parl_policy.critic import CriticConfig, CriticEnsemble
from parl_policy.diffusion_policy import DiffusionPolicy, DiffusionPolicyConfig
from parl_policy.edited_policy import EditedPolicy, EditedPolicyConfig
from parl_policy.flow_policy import FlowPolicy, FlowPolicyConfig
from parl_policy.gaussian_policy import GaussianPolicy, GaussianPolicyConfig
from parl_policy.observation import image_shape, observation_size
from parl_policy.policy import ActionSpec, Policy
from parl_policy.weights_file import load_weights, weights_to_bytes, WeightsFileError

PolicyClass = tuple[Callable[..., Policy], type[Any]]
"""A class made as `Class(observation_dim, action_spec, config)`, and its config's dataclass."""

POLICY_CLASSES: dict[str, PolicyClass] = {
    'autoregressive': (AutoregressivePolicy, AutoregressivePolicyConfig),
    'diffusion': (DiffusionPolicy, DiffusionPolicyConfig),
    'flow': (FlowPolicy, FlowPolicyConfig),
    'gaussian': (GaussianPolicy, GaussianPolicyConfig),
}


def find_policy_class(name: str) -> PolicyClass:
    """Look up a class by its name here, or import `package.module:Class`.

    The config of an imported class is the dataclass that its constructor's parameter `config` is
    annotated with.

    Raises:
        ConfigError: Unknown, not importable, or without such a config.
    """
    if name in POLICY_CLASSES:
        return POLICY_CLASSES[name]
    module, colon, attribute = name.partition(':')
    if not colon:
        raise ConfigError(
            f'policy class {name!r} is unknown; known are {sorted(POLICY_CLASSES)}, '
            f'your own is written package.module:Class'
        )
    try:
        policy_class = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f'policy class {name!r}: {error}; its module must be importable wherever the policy '
            f'is trained or acts (installed, or in a folder that PARL_PYTHONPATH names)'
        ) from error
    config_class = get_type_hints(policy_class.__init__).get('config')
    if not (isinstance(config_class, type) and is_dataclass(config_class)):
        raise ConfigError(
            f"policy class {name!r}: annotate its constructor's parameter `config` with a "
            f'dataclass, found {config_class}'
        )
    return policy_class, config_class


def _edited_policy(
    observation_dim: int, action_spec: ActionSpec, config: EditedPolicyConfig
) -> EditedPolicy:
    base = new_policy(config.base_class, config.base, observation_dim, action_spec)
    return EditedPolicy(base, observation_dim, config)


POLICY_CLASSES['edited'] = (_edited_policy, EditedPolicyConfig)


def check_policy(name: str, settings: Mapping[str, Any], where: str = 'policy') -> None:
    """Refuse what `new_policy` would refuse, without making networks.

    Raises:
        ConfigError: Names the unknown class or setting; `where` is that of the settings.
    """
    config = from_mapping(find_policy_class(name)[1], settings, where)
    if isinstance(config, EditedPolicyConfig):
        check_policy(config.base_class, config.base, f'{where}.base')


def new_policy(
    name: str, settings: Mapping[str, Any], observation_dim: int, action_spec: ActionSpec
) -> Policy:
    """An untrained policy of a class.

    Args:
        name: Key of `POLICY_CLASSES`, or `package.module:Class`.
        settings: Fields of that class's config.
        observation_dim: O.
        action_spec: Shape of its actions.

    Raises:
        ConfigError: Names the unknown class or setting.
    """
    policy_class, config_class = find_policy_class(name)
    config = from_mapping(config_class, settings, f'{name} policy')
    return policy_class(observation_dim, action_spec, config)


@dataclass(frozen=True, kw_only=True)
class ActorConfig:
    """Everything besides weights that decides how an actor acts; travels with the weights."""

    policy_class: str
    """Key of `POLICY_CLASSES`, or `package.module:Class`."""
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
        """Refuse an unknown class, and networks that are not made for the observation's image."""
        shape = image_shape(self.observation_names)
        images = {'critic': self.critic.image} | _images('policy', self.policy_class, self.policy)
        for who, image in images.items():
            if shape is None and image is not None:
                raise ConfigError(
                    f'{who}.image is of shape {image.shape}, but the observations hold no image; '
                    f'leave it away'
                )
            if shape is not None and (image is None or tuple(image.shape) != shape):
                raise ConfigError(
                    f'observations begin with an image of shape {shape}, but {who}.image is '
                    f'{image}; set its shape to {list(shape)}'
                )

    def make_policy(self) -> Policy:
        """An untrained policy."""
        size = observation_size(self.observation_names)
        return new_policy(self.policy_class, self.policy, size, self.action_spec)

    def make_critic(self) -> CriticEnsemble:
        """An untrained critic."""
        size = observation_size(self.observation_names)
        return CriticEnsemble(size, self.action_spec.flat_dim, self.critic)


def _images(who: str, policy_class: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The image that each part of a policy is made for, by the part's name in the settings.

    Classes of your own that have no setting `image` see to it themselves.
    """
    config_class = find_policy_class(policy_class)[1]
    config = from_mapping(config_class, settings, who)
    images = {who: config.image} if 'image' in get_type_hints(config_class) else {}
    if isinstance(config, EditedPolicyConfig):
        images |= _images(f'{who}.base', config.base_class, config.base)
    return images


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
    tensors, config, version = _load_version(policy_path, 'policy')
    policy = config.make_policy()
    _fill(policy, tensors, policy_path)
    critic = None
    if critic_path is not None:
        tensors, _, critic_version = _load_version(critic_path, 'critic')
        if critic_version != version:
            raise WeightsFileError(
                f'{critic_path.name} is version {critic_version} but {policy_path.name} is '
                f'version {version}; they act as a pair'
            )
        critic = config.make_critic()
        _fill(critic, tensors, critic_path)
        critic.requires_grad_(False)
    return Actor(policy, critic, config.optimisation, config.choice), config, version


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
            f'{path} does not fit the network that it describes: {error}; it was made by another '
            f'version of the code, or altered'
        ) from error
