# SPDX-License-Identifier: Apache-2.0
"""The files that a node fetches from other hosts, a few at a time."""

import time

from rclpy.node import Node
from rclpy.task import Future

from parl_files.artifact_store import ArtifactError, ArtifactStore
from parl_files.durable_file import DurableWriteError
from parl_msgs.msg import Artifact
from parl_msgs.srv import ReadArtifact
from parl_node.artifact_fetch import ArtifactFetch, READ_QOS
from parl_node.message_conversion import to_record
from parl_node.steady_timer import steady_timer

FILES_AT_ONCE = 2
"""Files that come at a time, so that a host with an empty folder does not ask for all at once."""


class ArtifactFetches:
    """Fetches announced files into a store; it costs nothing while there are none."""

    def __init__(self, node: Node, store: ArtifactStore) -> None:
        """Start without a transfer."""
        self._node = node
        self._store = store
        self._fetches: dict[tuple[str, str], ArtifactFetch] = {}  # by name and server
        self._failures: dict[str, str] = {}  # by name
        self.progressed_at = 0.0
        """Wall time at which something last came, of any file [s, monotonic]."""
        # Answers drive a transfer. The timer asks again where none comes: the server has not
        # started yet, or is gone.
        self._timer = steady_timer(node, 0.2, self._advance_all)
        self._timer.cancel()

    def begin(self, message: Artifact) -> None:
        """Fetch an announced file, unless the store has it or it is on its way."""
        key = (message.name, message.server)
        if key in self._fetches or self.has(message):
            return
        client = self._node.create_client(ReadArtifact, message.server, qos_profile=READ_QOS)
        self._failures.pop(message.name, None)
        try:
            self._fetches[key] = ArtifactFetch(client, self._store.folder, to_record(message))
        except ArtifactError as error:
            self._fail(message.name, message.server, error)
            self._node.destroy_client(client)
        self._timer.reset()
        self._advance_all()

    def has(self, message: Artifact) -> bool:
        """Say whether the store has an announced file, whole and undamaged."""
        try:
            self._store.verify(message.name, to_record(message))
        except ArtifactError:
            return False
        return True

    def failure(self, begin: str) -> str:
        """Say why a file could not be fetched whose name begins so; empty if none failed."""
        return next((why for name, why in self._failures.items() if name.startswith(begin)), '')

    def report(self, begin: str) -> str:
        """Say how far the files are whose names begin so; empty if none is announced."""
        return '; '.join(
            f'{name}: {fetch.received} of {fetch.record.bytes} bytes from {server}'
            f'{"" if fetch.client.service_is_ready() else ", which does not answer"}'
            for (name, server), fetch in self._fetches.items()
            if name.startswith(begin)
        )

    def _advance_all(self) -> None:
        free = FILES_AT_ONCE
        for key in list(self._fetches):
            fetch = self._fetches.get(key)  # the end of one may have advanced the others
            if fetch is not None and (free > 0 or fetch.has_begun):
                self._advance(key, fetch)
                free -= fetch.is_moving
        if not self._fetches:
            self._timer.cancel()

    def _advance(self, key: tuple[str, str], fetch: ArtifactFetch) -> None:
        name, server = key
        try:
            asked = fetch.advance()
        except (ArtifactError, DurableWriteError) as error:
            self._fail(name, server, error)
        else:
            for future in asked:
                future.add_done_callback(lambda answer: self._on_answer(key, answer))
            if not fetch.is_over:
                return
        del self._fetches[key]
        self._node.destroy_client(fetch.client)

    def _on_answer(self, key: tuple[str, str], _: Future) -> None:
        fetch = self._fetches.get(key)
        if fetch is None:
            return
        self.progressed_at = time.monotonic()
        self._advance(key, fetch)
        if key not in self._fetches:
            self._advance_all()

    def _fail(self, name: str, server: str, error: Exception) -> None:
        self._failures[name] = f'cannot fetch {name} from {server}: {error}'
        self._node.get_logger().error(self._failures[name])
