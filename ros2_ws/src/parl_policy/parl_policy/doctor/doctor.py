# SPDX-License-Identifier: Apache-2.0
"""Says whether a policy can be trusted: `parl-doctor POLICY [--critic FILE] [--episode FILE]`.

POLICY is the file of a version, or a checkpoint's folder, of which only the memory is estimated.
It prints one line a check and ends with 1 if something is wrong.
"""

import argparse
from collections.abc import Iterable, Iterator
import json
from pathlib import Path
import sys

import torch

from parl_files.config_file import ConfigError
from parl_files.error import ParlError
from parl_files.layered_yaml import load_layered_yaml
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor_file import load_actor, read_actor_config
from parl_policy.compute.device import NAMES, use_device
from parl_policy.compute.memory import free_memory, GIGABYTE
from parl_policy.doctor.checks import decision_time, general_findings
from parl_policy.doctor.finding import (
    Finding,
    judge,
    not_applicable,
    SelfEstimating,
    SelfExamining,
    Verdict,
)
from parl_policy.doctor.probe import made_probe, recorded_probe
from parl_policy.policies.registry import find_policy_class, policy_configs

MODEL_CLASSES = {'openvla': 'parl_vla.policies.openvla:OpenVLAPolicy'}
"""Policy class of a checkpoint's folder, by the `model_type` of its config.json.

The config of such a class has `of_checkpoint(folder)`, which returns default settings.
"""


def memory(config: SelfEstimating, samples: int, have: int | None, horizon: int = 1) -> Finding:
    """Compare what acting takes with what there is, before anything is loaded."""
    need = config.memory_need(samples, horizon)
    if have is None:
        return not_applicable('memory', f'needs {need}; this machine does not say what is free')
    found = need.misfit(have) or f'needs {need} of {have / GIGABYTE:.3g} GB for k = {samples}'
    return judge('memory', need.total > have, found, need.remedy)


def before_loading(
    configs: Iterable[object], samples: int, have: int | None, horizon: int = 1
) -> Iterator[Finding]:
    """Examine what small files tell of a policy and its base, which draws k samples at most."""
    estimating = [each for each in configs if isinstance(each, SelfEstimating)]
    if not estimating:
        yield not_applicable('memory', 'the policy class gives no estimate: it is small')
    for config in estimating:
        yield memory(config, samples, have, horizon)
        yield from config.examine_files()


def examine_version(arguments: argparse.Namespace, have: int | None) -> Iterator[Finding]:
    """Examine a version of a policy; one that cannot be loaded is not."""
    config = read_actor_config(arguments.policy)
    settings = policy_configs(config.policy_class, config.policy)
    is_wrong = False
    samples, horizon = config.optimisation.samples, config.action_spec.horizon
    for finding in before_loading(settings, samples, have, horizon):
        is_wrong |= finding.verdict == Verdict.WRONG
        yield finding
    if is_wrong:
        yield not_applicable('all other checks', 'it was not loaded')
        return
    probe = made_probe(config)
    if arguments.episode is not None:
        probe = recorded_probe(config, arguments.episode)
    actor, _, _ = load_actor(arguments.policy, arguments.critic)
    yield from general_findings(actor, probe)
    if isinstance(actor.policy, SelfExamining):
        context = actor.policy.encode(probe.observation.for_needs(actor.policy_needs))
        yield from actor.policy.examine(context)
    yield decision_time(actor, probe, arguments.rate)


def examine_experiment(path: Path, have: int | None) -> Iterator[Finding]:
    """Examine what an experiment's file would load.

    Raises:
        ConfigError: It cannot be read, or extends a method by name: give that method's file.
    """
    learning = load_layered_yaml(path).mapping.get('learning', {})
    if 'policy_class' not in learning:
        raise ConfigError(f'{path} names no learning.policy_class')
    where, settings = f'{path}: learning.policy', learning.get('policy', {})
    configs = policy_configs(learning['policy_class'], settings, where)
    optimisation = learning.get('optimisation', {})
    samples = optimisation.get('samples', ActionOptimisationConfig.samples)
    yield from before_loading(configs, samples, have)


def examine_checkpoint(folder: Path, have: int | None) -> Iterator[Finding]:
    """Estimate the memory for a checkpoint, for usual numbers of samples.

    Raises:
        ConfigError: The folder holds no checkpoint of a known kind.
    """
    try:
        content = json.loads((folder / 'config.json').read_text(encoding='utf-8'))
        name = MODEL_CLASSES[content['model_type']]
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f'{folder} is no checkpoint of a known kind ({error}); known are {list(MODEL_CLASSES)}'
        ) from error
    config_class = find_policy_class(name)[1]
    for samples in (8, 16, 32):
        yield memory(config_class.of_checkpoint(folder), samples, have)


def findings(arguments: argparse.Namespace) -> Iterator[Finding]:
    """Examine what was asked for."""
    use_device(arguments.device)
    torch.manual_seed(0)
    have = free_memory() if arguments.memory is None else int(arguments.memory * GIGABYTE)
    if arguments.config is not None:
        yield from examine_experiment(arguments.config, have)
    elif arguments.policy.is_dir():
        yield from examine_checkpoint(arguments.policy, have)
    else:
        yield from examine_version(arguments, have)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='parl-doctor', description=__doc__)
    parser.add_argument('policy', type=Path, nargs='?', help="a version's file, or a checkpoint")
    parser.add_argument('--config', type=Path, help='an experiment, instead of a policy')
    parser.add_argument('--critic', type=Path, help='file of the critic of the same version')
    parser.add_argument('--episode', type=Path, help='.mcap that the policy was trained on')
    parser.add_argument('--memory', type=float, help='free memory [GB], instead of the measured')
    parser.add_argument('--rate', type=float, default=3.0, help='control rate [Hz]')
    parser.add_argument('--device', choices=NAMES, default='auto')
    return parser


def main() -> None:
    """Examine, print and end with 1 if something is wrong."""
    parser = _parser()
    arguments = parser.parse_args()
    if (arguments.policy is None) == (arguments.config is None):
        parser.error('give either a policy or --config')
    if not arguments.rate > 0.0:
        parser.error('--rate must be above 0')
    is_wrong = False
    try:
        for finding in findings(arguments):
            print(finding, flush=True)
            is_wrong |= finding.verdict == Verdict.WRONG
    except ParlError as error:
        sys.exit(f'parl-doctor: {error}')
    sys.exit(int(is_wrong))


if __name__ == '__main__':
    main()
