# SPDX-License-Identifier: Apache-2.0
"""Those who draw shards: the learner itself, or others that understand the same two words."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from parl_files.error import ParlError
from parl_learner.sampling.shard import draw_shard, Order, Shard
from parl_policy.policy import SeededPolicy


class WorkersError(ParlError):
    """Workers cannot be started, or die again and again; the message names the remedy."""


class Workers(Protocol):
    """Draws shards, in any order, with a policy that does not change meanwhile."""

    def draw(self, policy: SeededPolicy, orders: Iterable[Order]) -> Iterator[Shard]:
        """Yield the shard of each order, whichever is finished first.

        Work goes on while shards are asked for; who asks no more leaves the rest undone.

        Raises:
            WorkersError: The work cannot be finished.
        """
        ...


class InProcess:
    """Draws shards here, one after the other, each when it is asked for."""

    def draw(self, policy: SeededPolicy, orders: Iterable[Order]) -> Iterator[Shard]:
        """See Workers."""
        for order in orders:
            yield draw_shard(policy, order)
