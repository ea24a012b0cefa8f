# SPDX-License-Identifier: Apache-2.0
"""Gives the states of the replay samples by shards, which survive the process."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from parl_learner.replay.observation_table import StateTable
from parl_learner.sampling.shard import Order, Shard, version_of
from parl_learner.sampling.shard_ledger import ShardLedger
from parl_learner.sampling.workers import Workers
from parl_policy.policy import SeededPolicy


class SeededSampling:
    """Takes from the ledger what is there, and lets workers draw the rest.

    The samples of a run follow from its seed and its data, whoever draws them and however often
    that is interrupted.
    """

    def __init__(
        self,
        policy: SeededPolicy,
        about: Mapping[str, Any],
        ledger: ShardLedger,
        workers: Workers,
        staleness: int,
        states_at_once: int,
    ) -> None:
        """Start without samples but those of the ledger.

        Args:
            policy: Whose samples are drawn; it may learn between two stages.
            about: The run's seed and the policy's settings, for `version_of`.
            ledger: What was drawn before.
            workers: Who draws.
            staleness: See `SamplingConfig`.
            states_at_once: States of a shard.
        """
        self.ledger = ledger
        self._policy, self._about, self._workers = policy, dict(about), workers
        self._staleness, self._states_at_once = staleness, states_at_once
        self._version: tuple[int, str] | None = None  # count, hash
        self._shards: Iterator[Shard] = iter(())

    def begin(self) -> None:
        """Look at the policy again, because it may have changed."""
        self._version = None
        self._shards = iter(())

    def actions(
        self, states: StateTable, keys: torch.Tensor, rows: torch.Tensor, count: int
    ) -> torch.Tensor:
        """Return the samples (B, count, D) of some rows; workers go on with the rows behind them.

        Args:
            states: All M states of the replay.
            keys: (M,) hash of the content of each.
            rows: (B,) wanted, ascending.
            count: Samples of a state (k).
        """
        version = self._current(count)
        find = self._finder(version)
        wanted = keys[rows].tolist()
        while any(find(key) is None for key in wanted):
            shard = next(self._shards, None)
            if shard is None:
                orders = self._orders(version, states, keys, int(rows[0]), count)
                self._shards = self._workers.draw(self._policy, orders)
            else:
                self.ledger.put(shard)
        tokens = torch.stack([found for key in wanted if (found := find(key)) is not None])
        return self._policy.actions(tokens.to(torch.get_default_device(), torch.long))

    def _current(self, count: int) -> str:
        if self._version is None or self._version[0] != count:
            self.begin()
            version = version_of(self._policy.state_dict(), {**self._about, 'count': count})
            self.ledger.begin(version, count, self._policy.action_spec.flat_dim)
            self._version = (count, version)
        return self._version[1]

    def _finder(self, version: str) -> Callable[[int], torch.Tensor | None]:
        return lambda key: self.ledger.find(version, key, self._staleness)

    def _orders(
        self, version: str, states: StateTable, keys: torch.Tensor, first: int, count: int
    ) -> Iterator[Order]:
        """Yield orders for all rows from the first on that have no samples, equal ones once."""
        find = self._finder(version)
        rows: dict[int, int] = {}
        for row, key in enumerate(keys[first:].tolist(), first):
            if find(key) is None:
                rows.setdefault(key, row)
        for part in torch.tensor(list(rows.values()), dtype=torch.long).split(
            self._states_at_once
        ):
            yield Order(version, keys[part], states[part], count)
