# SPDX-License-Identifier: Apache-2.0
"""Makes the sampling that a configuration asks for."""

from collections.abc import Callable
import json
from pathlib import Path

from parl_files.config_file import ConfigError
from parl_learner.sampling.sampling_config import SamplingConfig
from parl_learner.sampling.seeded_sampling import SeededSampling
from parl_learner.sampling.shard_ledger import ShardLedger
from parl_learner.sampling.workers import InProcess, Workers
from parl_policy.acting.actor_file import ActorConfig
from parl_policy.policy import Policy, SeededPolicy


def new_sampling(
    config: SamplingConfig,
    actor: ActorConfig,
    policy: Policy,
    seed: int,
    folder: Path | None,
    report: Callable[[str], None],
    states_at_once: int,
) -> SeededSampling | None:
    """Return the sampling by shards, or None for a policy that cannot draw by given numbers.

    Args:
        config: Who draws.
        actor: From which workers make a policy like this one.
        policy: Whose samples are drawn.
        seed: Of the run.
        folder: Where shards are kept; None keeps them in memory.
        report: Called with a message about each damaged shard, and each late or dead worker.
        states_at_once: States of a shard.

    Raises:
        ConfigError: The policy cannot do what is asked for, or Ray is not installed.
        WorkersError: Workers cannot be started.
    """
    if not isinstance(policy, SeededPolicy):
        if config != SamplingConfig():
            raise ConfigError(
                f'sampling is {config}, but the class {actor.policy_class!r} has no `draw` and '
                '`actions` (parl_policy.policy.SeededPolicy): only the learner can sample it; '
                'leave the section out'
            )
        return None
    about = {
        'seed': seed,
        'class': actor.policy_class,
        'settings': json.loads(json.dumps(actor.policy, default=repr)),
    }
    ledger = ShardLedger(folder, report)
    workers = _workers(config, actor, report)
    return SeededSampling(policy, about, ledger, workers, config.staleness, states_at_once)


def _workers(config: SamplingConfig, actor: ActorConfig, report: Callable[[str], None]) -> Workers:
    if not config.workers:
        return InProcess()
    try:
        from parl_learner.sampling.ray_workers import RayWorkers
    except ModuleNotFoundError as error:
        raise ConfigError(
            f'sampling.workers is {config.workers}, but {error}; install it with '
            '`pip install ray`, or set 0: then the learner draws the samples itself'
        ) from error
    return RayWorkers(actor, config.workers, config.address, report)
