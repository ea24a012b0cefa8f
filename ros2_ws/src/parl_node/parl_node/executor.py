# SPDX-License-Identifier: Apache-2.0
"""Runs a node's callbacks with one wait set, which is not built again at each wake."""

from collections.abc import Callable, Coroutine
import threading
import time
from typing import Any, TypeAlias

from rclpy.context import Context
from rclpy.executors import (
    ExternalShutdownException,
    SingleThreadedExecutor,
    TimeoutObject,
)
from rclpy.node import Node
from rclpy.task import Task

from parl_node.wait_list import Entity, WaitList

Call: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""Calls the callback of an entity with what was taken."""
Take: TypeAlias = Callable[[Entity], Call | None]
"""Takes what is there for an entity; None if there is nothing."""


class NodeExecutor(SingleThreadedExecutor):
    """Runs callbacks in one thread, as rclpy's SingleThreadedExecutor does, at a fraction of cost.

    At each wake rclpy 7.1 (Jazzy) asks every entity whether it may run, makes a new wait set,
    takes one message of each topic, and then wakes itself twice more for each. This executor keeps
    the wait set until an entity is made or destroyed, and takes all messages that are there, those
    of one topic after those of another, in the order of the subscriptions' creation; timers and
    services come after them, so that they know all that is there. It takes and calls with rclpy's
    own functions.
    """

    MOST_MESSAGES = 100
    """Messages of a topic that are taken at once, so that a flood does not stop the others."""
    RARE_S = 0.1
    """While there is much to do, what is rarely asked is looked at once in this time [s]."""

    def __init__(self, *, context: Context | None = None) -> None:
        """Create an executor without nodes, in a context; None for the default one."""
        self._list: WaitList | None = None
        self._has_changed = True
        self._rare_at_s = 0.0
        self._thread = -1  # that runs callbacks now
        super().__init__(context=context)
        self._takes: dict[str, Take] = {
            'timer': self._take_due_timer,
            'guard_condition': self._take_guard_condition,
            'client': self._take_client,
            'service': self._take_service,
        }

    def add_node(self, node: Node) -> bool:
        """Add a node, and return whether it was not there before."""
        self._has_changed = True
        return bool(super().add_node(node))

    def remove_node(self, node: Node) -> None:
        """Remove a node."""
        self._has_changed = True
        super().remove_node(node)

    def wake(self) -> None:
        """Look at the nodes' entities again; rclpy calls this when one is made or destroyed."""
        self._has_changed = True
        super().wake()

    def create_task(self, callback: Call, *arguments: object, **named: object) -> Task:
        """Run a function or coroutine later; from this executor's own callbacks without a wake."""
        if threading.get_ident() != self._thread:
            return super().create_task(callback, *arguments, **named)
        task = Task(callback, arguments, named, executor=self)
        with self._tasks_lock:
            self._tasks.append((task, None, None))
        return task

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Stop, and let the entities of the nodes be destroyed."""
        is_over = bool(super().shutdown(timeout_sec))
        if self._list is not None:
            self._list.close()
            self._list = None
        return is_over

    def _spin_once_impl(
        self,
        timeout_sec: float | TimeoutObject | None = None,
        wait_condition: Callable[[], bool] = lambda: False,
    ) -> None:
        """Run all that is ready, and wait for it if nothing is."""
        self._thread = threading.get_ident()
        try:
            self._serve(timeout_sec, wait_condition)
        finally:
            self._thread = -1

    def _serve(
        self, timeout_sec: float | TimeoutObject | None, wait_condition: Callable[[], bool]
    ) -> None:
        self._run_tasks()
        if wait_condition() or self._is_shutdown:
            return
        seconds = timeout_sec.timeout if isinstance(timeout_sec, TimeoutObject) else timeout_sec
        is_endless = seconds is None or seconds < 0
        waited = self._wait(None if is_endless else seconds)
        if self._is_shutdown:
            return
        ready = waited.ready()
        for waitable in waited.ready_waitables():
            self._run(waitable, self._take_waitable)
        if ready['subscription']:
            # All of them: what was sent before a message of the first topic is there by now.
            for entity in waited.by_kind['subscription']:
                most = self.MOST_MESSAGES
                while most and self._run(entity, self._take_subscription):
                    most -= 1
        for kind, take in self._takes.items():
            for entity in ready[kind]:
                self._run(entity, take)
        self._run_tasks()

    def _wait(self, timeout_s: float | None) -> WaitList:
        """Wait until an entity is ready, or for `timeout_s` [s]; None is for ever."""
        if self._has_changed or self._list is None:
            self._has_changed = False
            if self._list is not None:
                self._list.close()
            self._list = WaitList(self.get_nodes(), self._context)
        # Idle, it waits for everything; busy, once in a while.
        now_s = time.monotonic()
        until_rare_s = self._rare_at_s - now_s
        with_rare = until_rare_s <= 0.0
        if with_rare:
            self._rare_at_s = now_s + self.RARE_S
        elif timeout_s is None or timeout_s > until_rare_s:
            timeout_s = until_rare_s
        timeout_ns = -1 if timeout_s is None else int(timeout_s * 1e9)
        guards = (self._guard, self._sigint_gc)
        self._list.wait(timeout_ns, guards, self._is_free, with_rare)
        if not self._context.ok():
            raise ExternalShutdownException
        return self._list

    def _is_free(self, entity: Entity) -> bool:
        """Tell whether no coroutine of the same callback group waits for something."""
        return not self._tasks or entity.callback_group.can_execute(entity)

    def _run(self, entity: Entity, take: Take) -> bool:
        """Take what is there and run its callback; return whether anything was there."""
        group = entity.callback_group
        if not group.beginning_execution(entity):
            return False
        is_suspended = False
        try:
            call = take(entity)
            if call is not None:
                coroutine = call()
                is_suspended = not _finishes(coroutine)
                if is_suspended:
                    with self._tasks_lock:
                        self._tasks.append((Task(coroutine, executor=self), entity, None))
        finally:
            if not is_suspended:
                group.ending_execution(entity)
        return call is not None

    def _take_due_timer(self, timer: Entity) -> Call | None:
        # A timer that was cancelled or reset since the wait is not due any more.
        return self._take_timer(timer) if timer.handle.is_timer_ready() else None

    def _run_tasks(self) -> None:
        """Go on with the coroutines that wait, until all of them wait for something outside.

        Of n coroutines one may wait for another, and that for a third; n rounds reach them all.
        """
        rounds = 0
        while rounds < len(self._tasks):
            rounds += 1
            for entry in tuple(self._tasks):
                task, entity, _ = entry
                task()
                if not (task.done() or task.cancelled()):
                    continue
                rounds = 0
                with self._tasks_lock:
                    self._tasks.remove(entry)
                if entity is not None:
                    entity.callback_group.ending_execution(entity)
                if task.exception() is not None:
                    raise task.exception()


def _finishes(coroutine: Coroutine) -> bool:
    try:
        coroutine.send(None)
    except StopIteration:
        return True
    return False
