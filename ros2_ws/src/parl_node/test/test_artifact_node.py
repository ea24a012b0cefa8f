# SPDX-License-Identifier: Apache-2.0
"""Files between two nodes with a folder each, as on two hosts."""

import contextlib
import time

import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter

from parl_files.artifact_store import MAX_CHUNK_BYTES
from parl_files.config_file import ConfigError
from parl_msgs.msg import Artifact
from parl_msgs.srv import ReadArtifact
from parl_node.artifact_fetch import ArtifactFetch, PART_BYTES, PARTS_AT_ONCE, READ_QOS
from parl_node.artifact_node import ArtifactNode, LATCHED

LIMIT_S = 100.0  # only a hang lasts so long
CONTENT = np.random.default_rng(0).bytes(2 * MAX_CHUNK_BYTES + 12345)


class Hosts:
    """Any number of artifact nodes on one executor."""

    def __init__(self, folder):
        self.folder = folder
        self.executor = SingleThreadedExecutor()
        self.nodes = []

    def add(self, name, *kinds):
        folder = Parameter('data_folder', value=str(self.folder / name))
        node = ArtifactNode(name, fetched_kinds=kinds, parameter_overrides=[folder])
        return self.join(node)

    def join(self, node):
        self.executor.add_node(node)
        self.nodes.append(node)
        return node

    def remove(self, node):
        self.executor.remove_node(node)
        self.nodes.remove(node)
        node.destroy_node()

    def wait(self, is_done, limit_s=LIMIT_S):
        end = time.monotonic() + limit_s
        while not is_done():
            assert time.monotonic() < end, 'waited too long'
            self.executor.spin_once(timeout_sec=0.05)

    def spin_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.05)


@pytest.fixture
def hosts(ros_domain, tmp_path):
    hosts = Hosts(tmp_path)
    yield hosts
    hosts.executor.shutdown()
    for node in hosts.nodes:
        node.destroy_node()


def test_announced_file_arrives_whole_and_checked(hosts):
    learner, policy = hosts.add('learner'), hosts.add('policy', 'policy')
    wanted = learner.store.put('policy', 3, CONTENT, 'safetensors')
    other = learner.store.put('critic', 3, b'not asked for', 'safetensors')
    learner.announce(other)
    learner.announce(wanted)
    hosts.wait(lambda: policy.store.list('policy'))
    assert policy.store.verify(wanted.name, wanted) == wanted
    assert policy.store.path(wanted.name).read_bytes() == CONTENT
    assert not policy.store.list('critic')


def test_who_comes_late_hears_of_it_too(hosts):
    learner = hosts.add('learner')
    record = learner.store.put('policy', 1, b'weights', 'safetensors')
    learner.announce(record)
    hosts.spin_for(0.2)
    policy = hosts.add('policy', 'policy')
    hosts.wait(lambda: policy.store.list('policy'))


def test_who_comes_late_hears_of_the_newest_of_each_kind(hosts):
    learner = hosts.add('learner')
    for version in range(80):
        for kind in ('policy', 'critic'):
            learner.store.put(kind, version, b'%d' % version, 'safetensors')
    learner.announce_stored('policy', 'critic')
    policy = hosts.add('policy', 'policy', 'critic')
    hosts.wait(lambda: all(len(policy.store.list(kind)) == 50 for kind in ('policy', 'critic')))
    assert policy.store.newest('policy').version == policy.store.newest('critic').version == 79


def test_server_that_comes_after_its_announcement(hosts):
    """Discovery may show the announcement before the service that it names."""
    policy = hosts.add('policy', 'policy')
    messenger = hosts.join(rclpy.create_node('messenger'))
    announcements = messenger.create_publisher(Artifact, 'artifact', LATCHED)
    learner = hosts.add('learner')
    record = learner.store.put('policy', 1, CONTENT, 'safetensors')
    announcement = learner.announce(record)
    hosts.remove(learner)
    announcements.publish(announcement)
    hosts.spin_for(0.5)
    assert not policy.store.list('policy')
    hosts.add('learner')
    hosts.wait(lambda: policy.store.list('policy'))


class Lossy(ArtifactNode):
    """A server behind a bad link: answers are late, short, in another order, or never come."""

    def __init__(self, folder):
        parameter = Parameter('data_folder', value=str(folder))
        super().__init__('learner', fetched_kinds=(), parameter_overrides=[parameter])
        self.offsets = []

    def _on_read(self, request, response):
        self.offsets.append(request.offset)
        is_first = self.offsets.count(request.offset) == 1
        if is_first and request.offset // PART_BYTES % 3 == 0:
            raise LostError
        request.length = min(request.length, PART_BYTES - 100)
        return super()._on_read(request, response)


class LostError(Exception):
    """The answer is never sent."""


def test_what_a_bad_link_loses_is_asked_for_again(hosts, monkeypatch):
    monkeypatch.setattr(ArtifactFetch, 'ANSWER_TIMEOUT_S', 0.3)
    learner, policy = hosts.join(Lossy(hosts.folder / 'learner')), hosts.add('policy', 'policy')
    wanted = learner.store.put('policy', 3, CONTENT, 'safetensors')
    learner.announce(wanted)
    end = time.monotonic() + LIMIT_S
    while not policy.store.list('policy'):
        assert time.monotonic() < end, policy.fetches.report('policy')
        with contextlib.suppress(LostError):
            hosts.executor.spin_once(timeout_sec=0.05)
    assert policy.store.path(wanted.name).read_bytes() == CONTENT
    assert not policy.fetches.report('')


def test_parts_are_asked_for_before_the_first_has_come(hosts):
    """Over 200 ms of delay a part at a time would be 80 kB/s."""
    policy, learner = hosts.add('policy', 'policy'), hosts.add('learner')
    record = learner.store.put('policy', 3, CONTENT, 'safetensors')
    asked = []
    read = learner.store.read_chunk
    learner.store.read_chunk = lambda *words: asked.append(words[1]) or read(*words)
    hosts.executor.remove_node(learner)
    learner.announce(record)
    hosts.wait(lambda: policy.fetches.report('policy-000003-').startswith(record.name))
    hosts.spin_for(1.0)
    (fetch,) = policy.fetches._fetches.values()
    hosts.wait(lambda: fetch.has_begun)
    assert not asked
    assert sorted(fetch._parts) == [PART_BYTES * i for i in range(PARTS_AT_ONCE)]
    assert '0 of 2109497 bytes from /learner/read_artifact' in policy.fetches.report(record.name)
    hosts.executor.add_node(learner)
    hosts.wait(lambda: policy.store.list('policy'))


def test_nothing_runs_while_there_is_nothing_to_fetch(hosts):
    policy, learner = hosts.add('policy', 'policy'), hosts.add('learner')
    assert policy.fetches._timer.is_canceled()
    learner.announce(learner.store.put('policy', 3, CONTENT, 'safetensors'))
    hosts.wait(lambda: policy.store.list('policy'))
    hosts.wait(policy.fetches._timer.is_canceled)


def test_many_files_come_a_few_at_a_time(hosts):
    policy, learner = hosts.add('policy', 'policy'), hosts.add('learner')
    for version in range(20):
        learner.announce(learner.store.put('policy', version, bytes([version]) * 5000, 'bin'))
    hosts.wait(lambda: len(policy.store.list('policy')) == 20)


def test_a_damaged_file_is_fetched_again(hosts):
    policy, learner = hosts.add('policy', 'policy'), hosts.add('learner')
    record = learner.store.put('policy', 3, CONTENT, 'safetensors')
    (policy.store.folder / record.name).write_bytes(CONTENT[:100])
    learner.announce(record)
    hosts.wait(lambda: policy.store.list('policy'))


def test_why_a_file_did_not_come_is_known(hosts):
    policy, learner = hosts.add('policy', 'policy'), hosts.add('learner')
    record = learner.store.put('policy', 3, CONTENT, 'safetensors')
    learner.store.path(record.name).unlink()
    learner.announce(record)
    hosts.wait(lambda: policy.fetches.failure('policy-000003-'))
    assert policy.fetches.failure('policy-000003-').startswith(
        f'cannot fetch {record.name} from /learner/read_artifact: artifact {record.name} is not in'
    )
    assert not policy.fetches.failure('policy-000004-')


@pytest.mark.parametrize(
    'change',
    [{'sha256': 'f' * 64}, {'bytes': len(CONTENT) + 1}, {'name': '../../policy-000001-x'}],
)
def test_what_is_not_as_announced_is_left_out_and_the_node_lives(hosts, change):
    learner, policy = hosts.add('learner'), hosts.add('policy', 'policy')
    record = learner.store.put('policy', 1, CONTENT, 'safetensors')
    message = learner.announce(learner.store.put('critic', 1, b'x', 'safetensors'))
    fields = {'kind': 'policy', 'name': record.name, 'bytes': record.bytes}
    for name, value in {**fields, 'sha256': record.sha256, **change}.items():
        setattr(message, name, value)
    messenger = hosts.join(rclpy.create_node('messenger'))
    messenger.create_publisher(Artifact, 'artifact', LATCHED).publish(message)
    hosts.spin_for(1.0)
    assert not [path.name for path in policy.store.folder.iterdir()]
    good = learner.store.put('policy', 2, b'good', 'safetensors')
    learner.announce(good)
    hosts.wait(lambda: [r.name for r in policy.store.list('policy')] == [good.name])


def test_chunks_and_refusals_of_read_artifact(hosts):
    learner = hosts.add('learner')
    record = learner.store.put('policy', 1, CONTENT, 'safetensors')
    node = hosts.join(rclpy.create_node('reader'))
    client = node.create_client(ReadArtifact, 'learner/read_artifact', qos_profile=READ_QOS)
    hosts.wait(client.service_is_ready)

    def read(**fields):
        future = client.call_async(ReadArtifact.Request(**fields))
        hosts.wait(future.done)
        return future.result()

    chunk = read(name=record.name, offset=10, length=5)
    assert (chunk.success, bytes(chunk.data), chunk.bytes) == (True, CONTENT[10:15], len(CONTENT))
    assert len(read(name=record.name, offset=0, length=2**31).data) == MAX_CHUNK_BYTES
    assert not len(read(name=record.name, offset=len(CONTENT), length=5).data)
    for name in ('../learner.checkpoint', '/etc/passwd', ''):
        refused = read(name=name, offset=0, length=5)
        assert not refused.success
        assert repr(name) in refused.message
    missing = 'policy-000009-0123456789abcdef.safetensors'
    assert missing in read(name=missing, offset=0, length=5).message


def test_empty_data_folder_is_named(ros_domain):
    with pytest.raises(ConfigError, match=r'^parameter data_folder is empty; give an absolute'):
        ArtifactNode('learner', fetched_kinds=())


def test_data_folder_that_cannot_be_made_is_named(ros_domain, tmp_path):
    (tmp_path / 'file').write_text('', encoding='utf-8')
    folder = tmp_path / 'file/data'
    override = Parameter('data_folder', value=str(folder))
    with pytest.raises(ConfigError, match=f'^parameter data_folder is {folder}: could not'):
        ArtifactNode('learner', fetched_kinds=(), parameter_overrides=[override])
