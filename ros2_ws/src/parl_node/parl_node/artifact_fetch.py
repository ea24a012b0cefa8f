# SPDX-License-Identifier: Apache-2.0
"""Fetches one announced file from the node that has it."""

from pathlib import Path
import time

from rclpy.client import Client
from rclpy.task import Future

from parl_files.artifact_store import ArtifactError, ArtifactRecord
from parl_files.chunk_assembler import ChunkAssembler
from parl_msgs.srv import ReadArtifact


class ArtifactFetch:
    """Asks for one chunk after the other; never blocks and survives a restart of the server."""

    ANSWER_TIMEOUT_S = 5.0
    """Wall time without an answer after which the same chunk is requested again [s]."""

    def __init__(self, client: Client, folder: Path, record: ArtifactRecord) -> None:
        """Prepare the transfer; `advance` sends the first request.

        Raises:
            ArtifactNameError: The announced name is not an artifact's name.
        """
        self._assembler = ChunkAssembler(folder, record)
        self.client = client
        self.is_over = False
        """Whether the file is in the folder."""
        self._name = record.name
        self._answer: Future | None = None
        self._give_up_at = 0.0

    def advance(self) -> Future | None:
        """Take the answer that came and request the next chunk; call it repeatedly.

        Returns:
            The new request; None if there is no new one.

        Raises:
            ArtifactError: The server refuses, or the content is not what was announced.
            DurableWriteError: The file cannot be written, on a full disk for example.
        """
        if self._answer is not None and self._answer.done():
            self._take(self._answer.result())
        elif self._answer is not None and time.monotonic() > self._give_up_at:
            self.client.remove_pending_request(self._answer)
            self._answer = None
        if self.is_over or self._answer is not None or not self.client.service_is_ready():
            return None
        assembler = self._assembler
        self._answer = self.client.call_async(
            ReadArtifact.Request(
                name=self._name, offset=assembler.next_offset, length=assembler.next_length
            )
        )
        self._give_up_at = time.monotonic() + self.ANSWER_TIMEOUT_S
        return self._answer

    def _take(self, answer: ReadArtifact.Response) -> None:
        self._answer = None
        if not answer.success:
            raise ArtifactError(answer.message)
        self._assembler.add(self._assembler.next_offset, bytes(answer.data))
        if self._assembler.is_complete:
            self._assembler.finish()
            self.is_over = True
