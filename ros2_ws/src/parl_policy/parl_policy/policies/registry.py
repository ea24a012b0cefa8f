# SPDX-License-Identifier: Apache-2.0
"""The policy classes that PARL knows by name.

A class of your own needs no line here; its name is `package.module:Class` (see
`docs/bring_your_own_policy.md`).
"""

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
import importlib
from typing import Any, get_type_hints

from parl_files.config_file import ConfigError, from_mapping
from parl_policy.networks.observation_encoder import VisionConfig
from parl_policy.observations import needs_of, ObservationNeeds
from parl_policy.policies.autoregressive import AutoregressivePolicy, AutoregressivePolicyConfig
from parl_policy.policies.diffusion import DiffusionPolicy, DiffusionPolicyConfig
from parl_policy.policies.edited import EditedPolicy, EditedPolicyConfig
from parl_policy.policies.flow import FlowPolicy, FlowPolicyConfig
from parl_policy.policies.gaussian import GaussianPolicy, GaussianPolicyConfig
from parl_policy.policy import ActionSpec, Policy

PolicyClass = tuple[Callable[..., Policy], type[Any]]
"""A class, called as `Class(observation_dim, action_spec, config)`, and its config's dataclass."""

POLICY_CLASSES: dict[str, PolicyClass] = {
    'autoregressive': (AutoregressivePolicy, AutoregressivePolicyConfig),
    'diffusion': (DiffusionPolicy, DiffusionPolicyConfig),
    'flow': (FlowPolicy, FlowPolicyConfig),
    'gaussian': (GaussianPolicy, GaussianPolicyConfig),
}


def find_policy_class(name: str) -> PolicyClass:
    """Find a class by its name here, or import `package.module:Class`.

    The config of an imported class is the dataclass in the annotation of its constructor's
    parameter `config`.

    Raises:
        ConfigError: The class is unknown, cannot be imported, or has no such config.
    """
    if name in POLICY_CLASSES:
        return POLICY_CLASSES[name]
    module, colon, attribute = name.partition(':')
    if not colon:
        raise ConfigError(
            f'policy class {name!r} is unknown; known are {sorted(POLICY_CLASSES)}, '
            f'give one of your own as package.module:Class'
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
    needs = policy_needs(config.base_class, config.base)
    return EditedPolicy(base, observation_dim, config, needs)


POLICY_CLASSES['edited'] = (_edited_policy, EditedPolicyConfig)


def check_policy(name: str, settings: Mapping[str, Any], where: str = 'policy') -> None:
    """Check class and settings as `new_policy` does, without making networks.

    Args:
        name: Name of the class, as for `new_policy`.
        settings: Fields of the config of that class.
        where: Key of the settings, for the error message.

    Raises:
        ConfigError: The class or a setting is unknown or wrong; the message names it.
    """
    config = from_mapping(find_policy_class(name)[1], settings, where)
    if isinstance(config, EditedPolicyConfig):
        check_policy(config.base_class, config.base, f'{where}.base')


def new_policy(
    name: str, settings: Mapping[str, Any], observation_dim: int, action_spec: ActionSpec
) -> Policy:
    """Make an untrained policy of a class.

    Args:
        name: Key of `POLICY_CLASSES`, or `package.module:Class`.
        settings: Fields of the config of that class.
        observation_dim: Number of numbers O of an observation.
        action_spec: Shape of the policy's actions.

    Raises:
        ConfigError: The class or a setting is unknown or wrong; the message names it.
    """
    policy_class, config_class = find_policy_class(name)
    config = from_mapping(config_class, settings, f'{name} policy')
    return policy_class(observation_dim, action_spec, config)


def policy_configs(name: str, settings: Mapping[str, Any], where: str = 'policy') -> list[object]:
    """Return the config of a policy, and after that its base's if it is an edited one.

    Raises:
        ConfigError: Class or settings are wrong.
    """
    config = from_mapping(find_policy_class(name)[1], settings, where)
    if isinstance(config, EditedPolicyConfig):
        return [config, *policy_configs(config.base_class, config.base, f'{where}.base')]
    return [config]


def policy_visions(name: str, settings: Mapping[str, Any]) -> list[VisionConfig | None]:
    """Return how a policy sees, and after that how its base does if it is an edited one.

    None stands for one that sees nothing, or is a class that says it otherwise.

    Raises:
        ConfigError: Class or settings are wrong.
    """
    visions = [getattr(each, 'vision', None) for each in policy_configs(name, settings)]
    return [each if isinstance(each, VisionConfig) else None for each in visions]


def policy_needs(
    name: str, settings: Mapping[str, Any], where: str = 'policy'
) -> ObservationNeeds:
    """Return what a policy with these settings needs besides numbers, with its base's needs.

    Raises:
        ConfigError: Class or settings are wrong, or a policy and its base see the same camera
            differently.
    """
    config = from_mapping(find_policy_class(name)[1], settings, where)
    needs = needs_of(config)
    if not isinstance(config, EditedPolicyConfig):
        return needs
    base = policy_needs(config.base_class, config.base, f'{where}.base')
    try:
        return needs.joined(base)
    except ValueError as error:
        raise ConfigError(
            f'{where}.base and {where} need {error}; a camera is seen in one way: give both the '
            'same vision.pictures'
        ) from error
