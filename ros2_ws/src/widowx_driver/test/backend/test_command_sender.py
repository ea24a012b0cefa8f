# SPDX-License-Identifier: Apache-2.0
from widowx_driver.backend.command_sender import CommandSender


def test_a_command_is_repeated_when_its_joint_state_comes_again(wall_clock, shell):
    published = []
    sender = CommandSender(published.append, wall_clock)
    sender.repeat_if_unheard()
    sender.send(shell.start_command, 10.0)
    for wall_clock.now_s in (50.0, 50.9):
        sender.note_state(10.0)
        sender.repeat_if_unheard()
    assert len(published) == 1
    wall_clock.now_s = 51.1
    sender.note_state(10.0)
    sender.repeat_if_unheard()
    sender.repeat_if_unheard()
    assert published == [shell.start_command] * 2


def test_a_command_that_was_heard_is_not_repeated(wall_clock, shell):
    published = []
    sender = CommandSender(published.append, wall_clock)
    sender.send(shell.start_command, 10.0)
    wall_clock.now_s = 55.0
    sender.repeat_if_unheard()
    sender.note_state(10.0)
    sender.note_state(10.2)  # it was on its way: the period that the command asked for has run
    sender.repeat_if_unheard()
    sender.send(shell.start_command, 10.2)
    wall_clock.now_s = 60.0
    sender.note_state(10.2)
    sender.forget()
    sender.repeat_if_unheard()
    assert len(published) == 2
