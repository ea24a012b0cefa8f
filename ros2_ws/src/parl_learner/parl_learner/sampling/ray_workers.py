# SPDX-License-Identifier: Apache-2.0
"""Workers on the processors of this machine or of a cluster, by Ray.

A worker keeps its policy in memory: a new version is its weights alone, of a big model its
adapters. It has one shard at a time, so that little is lost with it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
import os
import socket
import time
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError
import torch

from parl_learner.sampling.ray_cluster import join
from parl_learner.sampling.shard import draw_shard, Order, Shard
from parl_learner.sampling.workers import WorkersError
from parl_policy.acting.actor_file import ActorConfig
from parl_policy.compute.device import use_device
from parl_policy.policy import SeededPolicy

LATE_S = 60.0
"""Time without any result after which those who work are named [s]."""
DEATHS = 3
"""Deaths of one worker during a stage at which the stage is given up."""


class Worker:
    """What runs in a worker's process."""

    def __init__(self, actor: ActorConfig, device: str, threads: int, precision: str) -> None:
        """Make the policy as the learner has it; the settings of torch decide the last bits."""
        use_device(device)
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
        policy = actor.make_policy()
        assert isinstance(policy, SeededPolicy)
        self._policy = policy

    def take(self, weights: dict[str, torch.Tensor]) -> tuple[str, int]:
        """Take another version of the policy, in place; return this host and process."""
        device = torch.get_default_device()
        self._policy.load_state_dict({name: each.to(device) for name, each in weights.items()})
        return socket.gethostname(), os.getpid()

    def draw(self, order: Order) -> Shard:
        """Draw a shard."""
        return draw_shard(self._policy, order)


@dataclass
class _Hand:
    """A worker as the learner sees it."""

    number: int
    actor: Any
    place: tuple[str, int] | None = None
    """Host and process, once it has answered."""
    deaths: int = 0

    def __str__(self) -> str:
        """Return its name, for messages."""
        where = 'starting' if self.place is None else f'process {self.place[1]} on {self.place[0]}'
        return f'worker {self.number} ({where})'


@dataclass
class _Task:
    """What a worker is doing: a shard, or without an order taking a version."""

    hand: _Hand
    order: Order | None
    began_s: float


class RayWorkers:
    """Implements `parl_learner.sampling.workers.Workers`."""

    def __init__(
        self,
        actor: ActorConfig,
        workers: int,
        address: str | None,
        report: Callable[[str], None],
    ) -> None:
        """Start the workers; they are not waited for.

        Args:
            actor: From which each makes its policy.
            workers: How many.
            address: Of a cluster; None starts them on this machine.
            report: Called with a message about each worker that is late or dead.

        Raises:
            WorkersError: Ray does not start, or the cluster cannot be joined.
        """
        join(workers, address)
        device = torch.get_default_device().type
        kind = ray.remote(num_cpus=1, num_gpus=int(device == 'cuda'))(Worker)
        settings = (device, torch.get_num_threads(), torch.get_float32_matmul_precision())
        self._new_actor = lambda: kind.remote(actor, *settings)
        self._report = report
        self._hands = [_Hand(number, self._new_actor()) for number in range(workers)]

    @property
    def places(self) -> list[tuple[str, int] | None]:
        """Host and process of each worker; None for those that are still starting."""
        return [hand.place for hand in self._hands]

    def draw(self, policy: SeededPolicy, orders: Iterable[Order]) -> Iterator[Shard]:
        """See Workers; the order of a worker that dies is given to the next that is free."""
        weights = ray.put(
            {name: each.detach().cpu() for name, each in policy.state_dict().items()}
        )
        waiting, returned = iter(orders), list[Order]()
        tasks: dict[Any, _Task] = {}
        idle: list[_Hand] = []
        for hand in self._hands:
            hand.deaths = 0
            tasks[hand.actor.take.remote(weights)] = _Task(hand, None, time.monotonic())
        while True:
            while idle and (order := returned.pop() if returned else next(waiting, None)):
                hand = idle.pop()
                tasks[hand.actor.draw.remote(order)] = _Task(hand, order, time.monotonic())
            if idle and not any(task.order for task in tasks.values()):
                return
            found = self._next_finished(tasks)
            task = tasks.pop(found)
            try:
                result = ray.get(found)
            except RayActorError as error:
                self._replace(task.hand, error)
                tasks[task.hand.actor.take.remote(weights)] = _Task(
                    task.hand, None, time.monotonic()
                )
                returned += [task.order] if task.order else []
                continue
            except RayTaskError as error:
                raise WorkersError(f'{task.hand} failed: {error}') from error
            idle.append(task.hand)
            if isinstance(result, Shard):
                yield result
            else:
                task.hand.place = result

    def close(self) -> None:
        """End the workers; Ray itself goes on."""
        for hand in self._hands:
            ray.kill(hand.actor)

    def _next_finished(self, tasks: dict[Any, _Task]) -> Any:  # noqa: ANN401 - Ray's references
        while True:
            done, _ = ray.wait(list(tasks), num_returns=1, timeout=LATE_S)
            if done:
                return done[0]
            for task in tasks.values():
                seconds = time.monotonic() - task.began_s
                what = f'a shard of {len(task.order.keys)} states' if task.order else 'a version'
                self._report(
                    f'{task.hand} has been busy with {what} for {seconds:.0f} s; if it hangs, end '
                    'its process: another one does its work. If it does not start, the machine or '
                    'the cluster has no free processor or GPU for it'
                )

    def _replace(self, hand: _Hand, error: RayActorError) -> None:
        hand.deaths += 1
        if hand.deaths >= DEATHS:
            raise WorkersError(
                f'{hand} died {hand.deaths} times: {error}; look at its host, or set '
                'sampling.workers to 0: then the learner draws the samples itself'
            ) from error
        why = str(error).strip().splitlines()[-1]
        self._report(
            f'{hand} died ({why}); its shard is drawn by another, and it is started again'
        )
        hand.actor, hand.place = self._new_actor(), None
