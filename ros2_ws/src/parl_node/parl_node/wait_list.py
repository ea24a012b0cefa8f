# SPDX-License-Identifier: Apache-2.0
"""What some nodes wait for, and the wait set in which they do."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any, TypeAlias

from rclpy.context import Context
from rclpy.event_handler import EventHandler
from rclpy.exceptions import InvalidHandle
from rclpy.guard_condition import GuardCondition
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.waitable import NumberOfEntities

Entity: TypeAlias = Any
"""A subscription, timer, client, service, guard condition or waitable; rclpy has no base class."""
KINDS = {
    'subscription': 'subscriptions',
    'timer': 'timers',
    'guard_condition': 'guards',
    'client': 'clients',
    'service': 'services',
}
"""Kinds of entities in a wait set, with the node's attribute that holds them."""
WOKEN_BY_CLOCK = 'is_woken_by_clock'
"""Attribute of a subscription whose messages do not wake the node; they are taken with others."""
_RARE_MODULES = ('rcl_interfaces.', 'type_description_interfaces.')


class WaitList:
    """The entities of some nodes; while this is open, none of them is destroyed."""

    def __init__(self, nodes: list[Node], context: Context) -> None:
        """Make a wait set with room for all of them."""
        self._held = ExitStack()
        self.by_kind = {kind: self._hold(nodes, name) for kind, name in KINDS.items()}
        self._waitables = [waitable for node in nodes for waitable in node.waitables]
        self._waited: list[Entity] = []  # waitables that the last wait was for
        self._with_pointer = {
            entity.handle.pointer: entity
            for entities in self.by_kind.values()
            for entity in entities
        }
        total = NumberOfEntities(
            len(self.by_kind['subscription']),
            len(self.by_kind['guard_condition']) + 2,  # those of the executor itself
            len(self.by_kind['timer']),
            len(self.by_kind['client']),
            len(self.by_kind['service']),
        )
        for waitable in self._waitables:
            self._held.enter_context(waitable)
            total += waitable.get_num_entities()
        self._held.enter_context(context.handle)
        self._wait_set = rclpy_implementation.WaitSet(
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

    def wait(
        self,
        timeout_ns: int,
        guards: Iterable[GuardCondition],
        is_free: Callable[[Entity], bool],
        with_rare: bool,
    ) -> None:
        """Wait until something is ready.

        Args:
            timeout_ns: For so long at most [ns]; -1 is for ever.
            guards: Guard conditions of the executor.
            is_free: Tells whether the callback of an entity may run now.
            with_rare: Wait for what is rarely asked, too: parameters, events of topics, and
                answers to requests that were not made. Each entity costs 3 microseconds.
        """
        wait_set = self._wait_set
        wait_set.clear_entities()
        adds = {
            'subscription': wait_set.add_subscription,
            'timer': wait_set.add_timer,
            'guard_condition': wait_set.add_guard_condition,
            'client': wait_set.add_client,
            'service': wait_set.add_service,
        }
        for kind, add in adds.items():
            for entity in self.by_kind[kind]:
                wakes = not getattr(entity, WOKEN_BY_CLOCK, False)
                if wakes and (with_rare or not _is_rare(kind, entity)) and is_free(entity):
                    add(entity.handle)
        for guard in guards:
            wait_set.add_guard_condition(guard.handle)
        self._waited = [
            waitable
            for waitable in self._waitables
            if (with_rare or not isinstance(waitable, EventHandler)) and is_free(waitable)
        ]
        for waitable in self._waited:
            waitable.add_to_wait_set(wait_set)
        wait_set.wait(timeout_ns)

    def ready(self) -> dict[str, list[Entity]]:
        """Return what is ready after a wait, by kind, waitables and the executor's guards not."""
        found = {}
        for kind in KINDS:
            pointers = self._wait_set.get_ready_entities(kind)
            entities = (self._with_pointer.get(pointer) for pointer in pointers)
            found[kind] = [entity for entity in entities if entity is not None]
        return found

    def ready_waitables(self) -> list[Entity]:
        """Return the waitables that are ready after a wait."""
        return [waitable for waitable in self._waited if waitable.is_ready(self._wait_set)]

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


def _is_rare(kind: str, entity: Entity) -> bool:
    if kind == 'client':
        return not getattr(entity, '_pending_requests', True)
    return kind == 'service' and entity.srv_type.__module__.startswith(_RARE_MODULES)
