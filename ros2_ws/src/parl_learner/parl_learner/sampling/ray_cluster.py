# SPDX-License-Identifier: Apache-2.0
"""Starts Ray on this machine, or joins a cluster; imported only where workers are asked for."""

from typing import Any

import ray

from parl_learner.sampling.workers import WorkersError

ATTEMPTS = 3
"""Ray gives up after 30 s, which no setting changes and a busy machine exceeds."""
STORE_BYTES = 1 << 30
"""Memory, on this machine, for what is sent: adapters and the pictures of a few shards."""


def join(workers: int, address: str | None) -> None:
    """Be part of a cluster from now on; do nothing if this process is part of one.

    Args:
        workers: Processes that will be wanted.
        address: Of the cluster; None starts one for this process alone, on this machine.

    Raises:
        WorkersError: There is no such cluster, or Ray does not start.
    """
    if ray.is_initialized():
        return
    quiet: dict[str, Any] = {'log_to_driver': False, 'configure_logging': False}
    failure: Exception | None = None
    for _ in range(ATTEMPTS):
        try:
            if address is not None:
                ray.init(address=address, **quiet)
            else:
                # Reachable from this machine only, whatever networks it is in.
                ray.init(
                    address='local',
                    num_cpus=workers,
                    include_dashboard=False,
                    _node_ip_address='127.0.0.1',
                    object_store_memory=STORE_BYTES,
                    **quiet,
                )
        except Exception as error:  # Ray raises a plain Exception when it gives up
            failure = error
            ray.shutdown()
        else:
            return
    remedy = (
        'the machine may be too busy, or out of memory or of space in /tmp; try again, or set '
        'sampling.workers to 0: then the learner draws the samples itself'
    )
    if address is not None:
        remedy = (
            'start it there with `ray start --head`, with the same versions of Ray and Python, '
            'and give the address that it prints; RAY_AUTH_MODE and RAY_AUTH_TOKEN must be those '
            'of the cluster'
        )
    where = 'does not start' if address is None else f'at {address} cannot be joined'
    raise WorkersError(f'Ray {where} in {ATTEMPTS} attempts: {failure}; {remedy}') from failure
