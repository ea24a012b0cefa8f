# SPDX-License-Identifier: Apache-2.0
import os
import termios

import pytest

from widowx_operator.terminal import Terminal, TerminalError


def test_keys_come_at_once_without_enter_and_echo(desk):
    with desk.terminal:
        assert desk.terminal.take_keys() == ''
        desk.press('wW \n')
        assert desk.terminal.take_keys() == 'wW \n'
        assert desk.terminal.take_keys() == ''
        assert desk.read() == ''


def test_arrow_and_function_keys_are_no_letters(desk):
    with desk.terminal:
        desk.press('w\x1b[A\x1b[15~\x1bOPs\x1b')
        assert desk.terminal.take_keys() == 'ws'


def test_lines_are_printed_above_the_status(desk):
    desk.terminal.show('running')
    desk.terminal.show('running')
    desk.terminal.say('begun')
    assert desk.read() == '\r\x1b[Krunning' + '\r\x1b[Kbegun\r\nrunning'


def test_status_never_wraps(desk):
    desk.terminal.show('x' * 500)
    assert desk.read().count('x') == 399


def test_settings_are_restored(desk):
    before = termios.tcgetattr(desk.descriptor)
    with desk.terminal:
        assert termios.tcgetattr(desk.descriptor)[3] != before[3] or not before[3] & termios.ECHO
    assert termios.tcgetattr(desk.descriptor) == before


def test_a_closed_window_is_noticed(desk):
    with desk.terminal:
        desk.leave()
        assert desk.terminal.take_keys() == ''
        assert desk.terminal.is_closed
        desk.terminal.say('nobody reads this')


def test_a_window_closed_while_something_is_printed_is_noticed(desk):
    desk.leave()
    desk.terminal.say('nobody reads this')
    assert desk.terminal.is_closed


def test_a_pipe_is_no_terminal():
    reading, writing = os.pipe()
    try:
        with pytest.raises(TerminalError, match='not a terminal; start this program by hand'):
            Terminal(reading)
    finally:
        os.close(reading)
        os.close(writing)
