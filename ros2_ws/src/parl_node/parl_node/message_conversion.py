# SPDX-License-Identifier: Apache-2.0
"""Messages that every node may send, to plain values and back."""

from builtin_interfaces.msg import Time

from parl_files.artifact_store import ArtifactRecord
from parl_msgs.msg import Artifact


def to_record(message: Artifact) -> ArtifactRecord:
    """What an artifact announcement says."""
    return ArtifactRecord(
        kind=message.kind,
        name=message.name,
        version=message.version,
        bytes=message.bytes,
        sha256=message.sha256,
    )


def to_artifact(record: ArtifactRecord, time: Time, server: str) -> Artifact:
    """Announcement of a file that `server` serves."""
    message = Artifact(
        kind=record.kind,
        name=record.name,
        version=record.version,
        bytes=record.bytes,
        sha256=record.sha256,
        server=server,
    )
    message.header.stamp = time
    return message
