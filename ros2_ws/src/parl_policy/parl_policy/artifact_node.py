# SPDX-License-Identifier: Apache-2.0
"""A node that shares finished files: announces its own, serves them, fetches what others announce."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from parl_msgs.msg import Artifact
from parl_msgs.srv import ReadArtifact
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from parl_policy.artifact_store import ArtifactError, ArtifactRecord, ArtifactStore
from parl_policy.chunk_assembler import ChunkAssembler
from parl_policy.durable_file import DurableWriteError
from parl_policy.message_conversion import to_artifact, to_record

LATCHED = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class ArtifactNode(Node):
    """Keeps a store in `<data_folder>/artifacts`.

    On one host all nodes share the folder and nothing is copied; a node on another host has a
    folder of its own and fetches the kinds it needs in chunks, checked by their hash.
    """

    def __init__(self, name: str, fetched_kinds: Collection[str], **options: Any) -> None:
        """Declare `data_folder`, open the store, serve `~/read_artifact`."""
        super().__init__(name, **options)
        folder = str(self.declare_parameter('data_folder', '').value)
        if not folder:
            raise ValueError(f'{name}: parameter data_folder is empty; give an absolute path')
        self.data_folder = Path(folder)
        self.store = ArtifactStore(self.data_folder / 'artifacts')
        self._fetched_kinds = fetched_kinds
        self._fetching: set[str] = set()
        self._announcements = self.create_publisher(Artifact, 'artifact', LATCHED)
        self.create_subscription(Artifact, 'artifact', self._on_artifact, LATCHED)
        self.create_service(ReadArtifact, '~/read_artifact', self._on_read)

    def announce(self, record: ArtifactRecord) -> Artifact:
        """Tell everybody about a file of the store; returns the announcement."""
        server = f'{self.get_fully_qualified_name()}/read_artifact'
        message = to_artifact(record, self.get_clock().now().to_msg(), server)
        self._announcements.publish(message)
        return message

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

    async def _on_artifact(self, message: Artifact) -> None:
        is_wanted = message.kind in self._fetched_kinds and message.name not in self._fetching
        if not is_wanted or (self.store.folder / message.name).exists():
            return
        self._fetching.add(message.name)
        client = self.create_client(ReadArtifact, message.server)
        try:
            assembler = ChunkAssembler(self.store.folder, to_record(message))
            while not assembler.is_complete:
                request = ReadArtifact.Request(
                    name=message.name, offset=assembler.next_offset, length=assembler.next_length
                )
                answer = await client.call_async(request)
                if not answer.success:
                    raise ArtifactError(answer.message)
                assembler.add(request.offset, bytes(answer.data))
            assembler.finish()
        except (ArtifactError, DurableWriteError) as error:
            self.get_logger().error(f'cannot fetch {message.name} from {message.server}: {error}')
        finally:
            self._fetching.discard(message.name)
            self.destroy_client(client)
