# SPDX-License-Identifier: Apache-2.0
import pytest

from widowx_driver.backend.command_sender import CommandSender


class FakeWallClock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def wall_clock():
    return FakeWallClock()


def test_a_command_is_repeated_when_its_joint_state_comes_again(wall_clock, shell):
    published = []
    sender = CommandSender(published.append, wall_clock)
    sender.repeat_if_unheard()
    sender.send(shell.start_command, 10.0)
    for wall_clock.now_s in (0.0, 0.9):
        sender.note_state(10.0)
        sender.repeat_if_unheard()
    assert len(published) == 1
    wall_clock.now_s = 1.1
    sender.note_state(10.0)
    sender.repeat_if_unheard()
    sender.repeat_if_unheard()
    assert published == [shell.start_command] * 2


def test_a_command_that_was_heard_is_not_repeated(wall_clock, shell):
    published = []
    sender = CommandSender(published.append, wall_clock)
    sender.send(shell.start_command, 10.0)
    wall_clock.now_s = 5.0
    sender.repeat_if_unheard()
    sender.note_state(10.0)
    sender.note_state(10.2)  # it was on its way: the period that the command asked for has run
    sender.repeat_if_unheard()
    sender.send(shell.start_command, 10.2)
    wall_clock.now_s = 10.0
    sender.note_state(10.2)
    sender.forget()
    sender.repeat_if_unheard()
    assert len(published) == 2
