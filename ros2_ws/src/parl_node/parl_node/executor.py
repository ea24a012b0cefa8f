# SPDX-License-Identifier: Apache-2.0
"""Runs a node's callbacks with one wait set, which is not built again at each wake."""

from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import Any, TypeAlias

from rclpy.context import Context
from rclpy.event_handler import EventHandler
from rclpy.exceptions import InvalidHandle
from rclpy.executors import (
    ExternalShutdownException,
    SingleThreadedExecutor,
    TimeoutObject,
)
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.task import Task
from rclpy.waitable import NumberOfEntities
from sensor_msgs.msg import JointState

Entity: TypeAlias = Any
"""A subscription, timer, client, service, guard condition or waitable; rclpy has no base class."""
Call: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""Calls the callback of an entity with what was taken."""
Take: TypeAlias = Callable[[Entity], Call | None]
"""Takes what is there for an entity; None if there is nothing."""
KINDS = ('subscription', 'timer', 'guard_condition', 'client', 'service')
"""Kinds of entities in a wait set, in the order in which they are served: messages first, so that
a timer that asks whether something is missing knows all that is there."""


def subscribe_to_joint_states(node: Node, callback: Callable[[JointState], None]) -> None:
    """Subscribe to `joint_states` and miss none of them, also when many come at once.

    In simulated time the clock wakes the node and not each of these messages: a simulated arm
    publishes the clock after the joint states of that time, in lock-step one for twenty of them.
    """
    every = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
    subscription = node.create_subscription(JointState, 'joint_states', callback, every)
    subscription.is_woken_by_clock = bool(node.get_parameter('use_sim_time').value)


class _Entities:
    """All that some nodes wait for; while this is open, none of it is destroyed."""

    def __init__(self, nodes: list[Node], context: Context) -> None:
        self._held = ExitStack()
        self.by_kind: dict[str, list[Entity]] = {
            'timer': self._hold(nodes, 'timers'),
            'subscription': self._hold(nodes, 'subscriptions'),
            'guard_condition': self._hold(nodes, 'guards'),
            'client': self._hold(nodes, 'clients'),
            'service': self._hold(nodes, 'services'),
        }
        self.waking = {
            **self.by_kind,
            'subscription': [
                subscription
                for subscription in self.by_kind['subscription']
                if not getattr(subscription, 'is_woken_by_clock', False)
            ],
        }
        self.waitables = [waitable for node in nodes for waitable in node.waitables]
        self.waited = self.waitables
        self.with_pointer = {
            entity.handle.pointer: entity
            for entities in self.by_kind.values()
            for entity in entities
        }
        number = {kind: len(entities) for kind, entities in self.by_kind.items()}
        total = NumberOfEntities(
            number['subscription'],
            number['guard_condition'] + 2,  # those of the executor itself
            number['timer'],
            number['client'],
            number['service'],
        )
        for waitable in self.waitables:
            self._held.enter_context(waitable)
            total += waitable.get_num_entities()
        self._held.enter_context(context.handle)
        self.wait_set = rclpy_implementation.WaitSet(
            total.num_subscriptions,
            total.num_guard_conditions,
            total.num_timers,
            total.num_clients,
            total.num_services,
            total.num_events,
            context.handle,
        )

    def close(self) -> None:
        """Let the entities be destroyed."""
        self._held.close()

    def _hold(self, nodes: list[Node], name: str) -> list[Entity]:
        held = []
        for node in nodes:
            for entity in getattr(node, name):
                try:
                    self._held.enter_context(entity.handle)
                except InvalidHandle:  # destroyed a moment ago
                    continue
                held.append(entity)
        return held


class NodeExecutor(SingleThreadedExecutor):
    """Runs callbacks in one thread, as rclpy's SingleThreadedExecutor does, at a fraction of cost.

    At each wake rclpy 7.1 (Jazzy) asks every entity whether it may run, makes a new wait set,
    takes one message of each topic, and then wakes itself twice more for each. This executor keeps
    the wait set until an entity is made or destroyed, and takes all messages that are there, those
    of one topic after those of another, in the order of the subscriptions' creation. It takes and
    calls with rclpy's own functions.
    """

    MOST_MESSAGES = 100
    """Messages of a topic that are taken at once, so that a flood does not stop the others."""

    def __init__(self, *, context: Context | None = None) -> None:
        """Create an executor without nodes, in a context; None for the default one."""
        self._entities: _Entities | None = None
        self._has_changed = True
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

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Stop, and let the entities of the nodes be destroyed."""
        is_over = bool(super().shutdown(timeout_sec))
        if self._entities is not None:
            self._entities.close()
            self._entities = None
        return is_over

    def _spin_once_impl(
        self,
        timeout_sec: float | TimeoutObject | None = None,
        wait_condition: Callable[[], bool] = lambda: False,
    ) -> None:
        """Run all that is ready, and wait for it if nothing is."""
        self._run_tasks()
        if wait_condition() or self._is_shutdown:
            return
        seconds = timeout_sec.timeout if isinstance(timeout_sec, TimeoutObject) else timeout_sec
        waits = -1 if seconds is None or seconds < 0 else int(seconds * 1e9)
        entities = self._wait(waits)
        if self._is_shutdown:
            return
        ready = {kind: entities.wait_set.get_ready_entities(kind) for kind in KINDS}
        # An event of a topic is rare, and stays: it is looked at when nothing else is ready.
        is_quiet = not any(ready[kind] for kind in KINDS if kind != 'guard_condition')
        for waitable in entities.waited:
            if (is_quiet or not isinstance(waitable, EventHandler)) and waitable.is_ready(
                entities.wait_set
            ):
                self._run(waitable, self._take_waitable)
        if ready['subscription']:
            # All of them: what was sent before a message of the first topic is there by now.
            for entity in entities.by_kind['subscription']:
                most = self.MOST_MESSAGES
                while most and self._run(entity, self._take_subscription):
                    most -= 1
        for kind in KINDS[1:]:
            for pointer in ready[kind]:
                # Some belong to a waitable or to the executor.
                if (entity := entities.with_pointer.get(pointer)) is not None:
                    self._run(entity, self._takes[kind])
        self._run_tasks()

    def _wait(self, timeout_ns: int) -> _Entities:
        """Wait until an entity is ready, or for `timeout_ns` [ns]; -1 is for ever."""
        if self._has_changed or self._entities is None:
            self._has_changed = False
            if self._entities is not None:
                self._entities.close()
            self._entities = _Entities(self.get_nodes(), self._context)
        entities, wait_set = self._entities, self._entities.wait_set
        wait_set.clear_entities()
        for kind, add in (
            ('timer', wait_set.add_timer),
            ('subscription', wait_set.add_subscription),
            ('guard_condition', wait_set.add_guard_condition),
            ('client', wait_set.add_client),
            ('service', wait_set.add_service),
        ):
            for entity in self._free(entities.waking[kind]):
                add(entity.handle)
        for guard in (self._guard, self._sigint_gc):
            wait_set.add_guard_condition(guard.handle)
        entities.waited = self._free(entities.waitables)
        for waitable in entities.waited:
            waitable.add_to_wait_set(wait_set)
        wait_set.wait(timeout_ns)
        if not self._context.ok():
            raise ExternalShutdownException
        return entities

    def _free(self, entities: list[Entity]) -> list[Entity]:
        """Leave out those that must wait for a coroutine of their callback group."""
        if not self._tasks:
            return entities
        return [entity for entity in entities if entity.callback_group.can_execute(entity)]

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
