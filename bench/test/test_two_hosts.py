# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
import time

import pytest
import two_hosts

SEND = """
import socket, sys
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('10.77.0.2', 9000))
"""
TAKE = """
import socket
end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end.bind(('10.77.0.2', 9000))
print('ready', flush=True)
print('got', end.recv(9), flush=True)
"""


@pytest.fixture
def two(tmp_path):
    if why := two_hosts.no_hosts():
        pytest.skip(f'this process may not make network namespaces: {why}')
    with two_hosts.hosts(two_hosts.Setting('test', delay_s=0.5), tmp_path) as made:
        yield made


def until(is_done, limit_s=60.0):
    end = time.monotonic() + limit_s
    while not is_done():
        assert time.monotonic() < end, 'waited too long'
        time.sleep(0.02)


def test_what_a_host_sends_takes_its_time_and_a_cut_link_carries_nothing(two):
    station, learner, link = two
    taker = learner.run('take', '-c', TAKE)
    until(lambda: taker.count('ready'))
    link.is_cut = True
    first = station.run('send', '-c', SEND)
    until(lambda: first.exit_code is not None)
    assert first.exit_code == 0
    link.is_cut = False
    begin = time.monotonic()
    second = station.run('send', '-c', SEND)
    until(lambda: second.exit_code is not None)
    until(lambda: taker.count('got'))
    assert time.monotonic() - begin >= 0.5
    assert taker.count("got b'x'") == 1
    assert link.carried_bytes > 0


def test_the_hosts_have_their_own_shared_memory(two):
    station, learner, _ = two
    write = "open('/dev/shm/parl_two_hosts', 'w').close()"
    writer = station.run('write', '-c', write)
    until(lambda: writer.exit_code is not None)
    look = "import os; print('seen', os.path.exists('/dev/shm/parl_two_hosts'))"
    for host, seen in ((station, True), (learner, False)):
        looker = host.run('look', '-c', look)
        until(lambda looker=looker: looker.count('seen'))
        assert looker.count(f'seen {seen}') == 1


def test_where_no_hosts_can_be_made_it_says_why(monkeypatch, capsys):
    def refuse(command, **_):
        raise subprocess.CalledProcessError(1, command, stderr='Operation not permitted\n')

    monkeypatch.setattr(subprocess, 'run', refuse)
    monkeypatch.setattr(sys, 'argv', ['two_hosts.py'])
    two_hosts.main()
    assert capsys.readouterr().out.startswith('two_hosts: skipped, as this process may not make ')
