# SPDX-License-Identifier: Apache-2.0
"""A node that shares finished files: it announces and serves its own and fetches others'."""

from collections.abc import Collection

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from parl_files.artifact_store import ArtifactError, ArtifactRecord, ArtifactStore
from parl_files.config_file import ConfigError
from parl_files.durable_file import DurableWriteError
from parl_msgs.msg import Artifact
from parl_msgs.srv import ReadArtifact
from parl_node.artifact_fetch import READ_QOS
from parl_node.artifact_fetches import ArtifactFetches
from parl_node.message_conversion import to_artifact
from parl_node.path_parameter import path_parameter

LATCHED = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class ArtifactNode(Node):
    """A node with an artifact store in `<data_folder>/artifacts`.

    On one host all nodes share the folder and nothing is copied. A node on another host has a
    folder of its own and fetches the kinds that it needs in parts, checked by their hash.
    """

    def __init__(self, name: str, fetched_kinds: Collection[str], **options: object) -> None:
        """Declare `data_folder`, open the store, serve `~/read_artifact`.

        Raises:
            ConfigError: `data_folder` is empty or cannot be written.
        """
        super().__init__(name, **options)
        self.data_folder = path_parameter(self, 'data_folder')
        try:
            self.store = ArtifactStore(self.data_folder / 'artifacts')
        except DurableWriteError as error:
            raise ConfigError(f'parameter data_folder is {self.data_folder}: {error}') from error
        self._fetched_kinds = fetched_kinds
        self.fetches = ArtifactFetches(self, self.store)
        self._announcements = self.create_publisher(Artifact, 'artifact', LATCHED)
        self.create_subscription(Artifact, 'artifact', self._on_artifact, LATCHED)
        self.create_service(ReadArtifact, '~/read_artifact', self._on_read, qos_profile=READ_QOS)

    def announce(self, record: ArtifactRecord) -> Artifact:
        """Publish a file of the store to all nodes and return the announcement."""
        server = f'{self.get_fully_qualified_name()}/read_artifact'
        message = to_artifact(record, self.get_clock().now().to_msg(), server)
        self._announcements.publish(message)
        return message

    def announce_stored(self, *kinds: str) -> None:
        """Announce again the newest files of some kinds, stored before this process started."""
        records = [record for kind in kinds for record in self.store.list(kind)]
        # Together, as who comes late hears no more than the last of all of them.
        for record in sorted(records, key=lambda record: record.version)[-LATCHED.depth :]:
            self.announce(record)

    def _on_read(
        self, request: ReadArtifact.Request, response: ReadArtifact.Response
    ) -> ReadArtifact.Response:
        try:
            response.bytes = self.store.size(request.name)
            response.data = self.store.read_chunk(request.name, request.offset, request.length)
            response.success = True
        except (ArtifactError, ValueError) as error:
            response.message = str(error)
        return response

    def _on_artifact(self, message: Artifact) -> None:
        if message.kind in self._fetched_kinds:
            self.fetches.begin(message)
