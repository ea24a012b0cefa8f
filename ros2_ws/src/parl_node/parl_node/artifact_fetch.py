# SPDX-License-Identifier: Apache-2.0
"""Fetches one announced file from the node that has it."""

from dataclasses import dataclass
from pathlib import Path
import time

from rclpy.client import Client
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.task import Future

from parl_files.artifact_store import ArtifactError, ArtifactRecord
from parl_files.chunk_assembler import ChunkAssembler
from parl_msgs.srv import ReadArtifact

PART_BYTES = 8 * 1024
"""A part is a few network frames: one that loses a frame is lost as a whole."""
PARTS_AT_ONCE = 24
"""Parts that are asked for before the first has come: a slow answer must not set the pace."""
READ_QOS = QoSProfile(depth=4 * PARTS_AT_ONCE, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Quality of `read_artifact`. What is lost is asked for again here: over a link that loses 5 % of
its frames, DDS repeated so much for reliable answers that hardly anything else came through."""


@dataclass
class _Part:
    length: int
    answers: list[Future]
    """One for each time it was asked for; the first that comes counts."""
    asked_at: float


class ArtifactFetch:
    """Asks for several parts at once; never blocks and survives a restart of the server."""

    ANSWER_TIMEOUT_S = 5.0
    """Longest wall time without an answer after which a part is requested again [s]."""
    STALL_S = 15.0
    """Wall time without an answer after which the transfer is said to stand still [s]."""

    def __init__(self, client: Client, folder: Path, record: ArtifactRecord) -> None:
        """Prepare the transfer; `advance` sends the first requests.

        Raises:
            ArtifactNameError: The announced name is not an artifact's name.
        """
        self._assembler = ChunkAssembler(folder, record)
        self.client = client
        self.record = record
        self.is_over = False
        """Whether the file is in the folder."""
        self._progressed_at = 0.0
        self._parts: dict[int, _Part] = {}  # by offset
        self._early: dict[int, bytes] = {}  # by offset; parts before them are still missing
        self._next_offset = 0  # first byte that was never asked for
        self._answer_s = 0.5  # that an answer takes, running mean

    @property
    def received(self) -> int:
        """Bytes that are there."""
        return self._assembler.next_offset + sum(map(len, self._early.values()))

    @property
    def has_begun(self) -> bool:
        """Whether parts were asked for."""
        return self._next_offset > 0

    @property
    def is_moving(self) -> bool:
        """Whether parts are on their way and come."""
        return bool(self._parts) and time.monotonic() - self._progressed_at < self.STALL_S

    def advance(self) -> list[Future]:
        """Take the answers that came and request what is due; call it repeatedly.

        Returns:
            The new requests.

        Raises:
            ArtifactError: The server refuses, or the content is not what was announced.
            DurableWriteError: The file cannot be written, on a full disk for example.
        """
        for offset, part in list(self._parts.items()):
            answer = next((future for future in part.answers if future.done()), None)
            if answer is not None:
                self._take(offset, answer.result())
        while (early := self._early.pop(self._assembler.next_offset, None)) is not None:
            self._assembler.add(self._assembler.next_offset, early)
        if self._assembler.is_complete:
            self._assembler.finish()
            self.is_over = True
        if self.is_over or not self.client.service_is_ready():
            return []
        return self._ask_again() + self._ask()

    def _take(self, offset: int, answer: ReadArtifact.Response) -> None:
        part = self._parts.pop(offset)
        if len(part.answers) == 1:  # otherwise it is not known which request it answers
            self._answer_s += 0.2 * (time.monotonic() - part.asked_at - self._answer_s)
        for future in part.answers:
            self.client.remove_pending_request(future)
        if not answer.success:
            raise ArtifactError(answer.message)
        data = bytes(answer.data)
        self._progressed_at = time.monotonic()
        self._early[offset] = data
        if 0 < len(data) < part.length:  # the server may return fewer bytes
            rest = _Part(part.length - len(data), [], float('-inf'))
            self._parts[offset + len(data)] = rest

    def _ask_again(self) -> list[Future]:
        now = time.monotonic()
        return [
            self._request(offset, part)
            for offset, part in self._parts.items()
            if now - part.asked_at > self._patience_s(len(part.answers))
        ]

    def _patience_s(self, attempts: int) -> float:
        """Return how long to wait for an answer after so many requests [s]."""
        # It doubles, as the answers may be late because there are too many already.
        return min(
            self.ANSWER_TIMEOUT_S, (0.1 + 2.0 * self._answer_s) * 2.0 ** min(attempts, 8) / 2
        )

    def _ask(self) -> list[Future]:
        asked: list[Future] = []
        if not self._next_offset:
            self._progressed_at = time.monotonic()
        while len(self._parts) < PARTS_AT_ONCE and self._next_offset < self.record.bytes:
            length = min(PART_BYTES, self.record.bytes - self._next_offset)
            part = self._parts[self._next_offset] = _Part(length, [], 0.0)
            asked.append(self._request(self._next_offset, part))
            self._next_offset += length
        return asked

    def _request(self, offset: int, part: _Part) -> Future:
        request = ReadArtifact.Request(name=self.record.name, offset=offset, length=part.length)
        part.answers.append(self.client.call_async(request))
        part.asked_at = time.monotonic()
        return part.answers[-1]
