# SPDX-License-Identifier: Apache-2.0
import pytest

from widowx_driver.command_sender import CommandSender
from widowx_driver.operating_modes import OperatingModeSetup


class FakeWallClock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


class FakeReply:
    def __init__(self):
        self.is_done = False

    def done(self):
        return self.is_done


class FakeModeClient:
    def __init__(self):
        self.is_ready = False
        self.requests = []
        self.replies = []

    def service_is_ready(self):
        return self.is_ready

    def call_async(self, request):
        self.requests.append(request)
        self.replies.append(FakeReply())
        return self.replies[-1]


@pytest.fixture
def wall_clock():
    return FakeWallClock()


def test_a_command_is_repeated_when_its_joint_state_comes_again(wall_clock, shell):
    published = []
    sender = CommandSender(published.append, wall_clock)
    sender.repeat_if_unheard(10.0)
    sender.send(shell.start_command, 10.0)
    sender.repeat_if_unheard(10.0)
    wall_clock.now_s = 0.2
    sender.repeat_if_unheard(10.0)
    assert len(published) == 1
    wall_clock.now_s = 0.5
    sender.repeat_if_unheard(10.0)
    assert published == [shell.start_command] * 2


def test_a_command_that_was_heard_is_not_repeated(wall_clock, shell):
    published = []
    sender = CommandSender(published.append, wall_clock)
    sender.send(shell.start_command, 10.0)
    wall_clock.now_s = 5.0
    sender.repeat_if_unheard(10.2)
    sender.forget()
    sender.repeat_if_unheard(10.0)
    assert len(published) == 1


def test_modes_are_sent_once_when_the_service_appears():
    client = FakeModeClient()
    setup = OperatingModeSetup(client, ['arm', 'gripper'])
    setup.poll()
    assert client.requests == []
    client.is_ready = True
    setup.poll()
    setup.poll()
    assert client.requests == ['arm', 'gripper']
    assert not setup.is_done
    for reply in client.replies:
        reply.is_done = True
    setup.poll()
    assert setup.is_done
    setup.reset()
    setup.poll()
    assert client.requests == ['arm', 'gripper'] * 2


def test_modes_are_sent_again_when_the_server_went_away_unanswered():
    client = FakeModeClient()
    client.is_ready = True
    setup = OperatingModeSetup(client, ['arm'])
    setup.poll()
    client.is_ready = False
    setup.poll()
    client.is_ready = True
    setup.poll()
    assert client.requests == ['arm', 'arm']
    assert not setup.is_done
