# SPDX-License-Identifier: Apache-2.0
import pytest

from widowx_operator.key_map import (
    Command,
    command_of,
    GRIPPERS,
    HELP,
    motion_of,
    MOTIONS,
)


@pytest.mark.parametrize(
    ('key', 'motion'),
    [('w', (0, 0.3)), ('S', (0, -1.0)), ('D', (1, -1.0)), ('r', (2, 0.3)), ('L', (5, -1.0))],
)
def test_small_letters_move_slowly_and_capitals_by_the_largest_step(key, motion):
    assert motion_of(key) == pytest.approx(motion)


def test_every_direction_of_every_entry_has_a_key():
    assert sorted(MOTIONS.values()) == [(i, sign) for i in range(6) for sign in (-1.0, 1.0)]


def test_no_key_has_two_meanings():
    keys = [*MOTIONS, *(key.upper() for key in MOTIONS), *GRIPPERS, *(c.value for c in Command)]
    assert len(set(keys)) == len(keys)


def test_enter_is_enter_however_the_terminal_sends_it():
    assert command_of('\r') is command_of('\n') is Command.CONFIRM
    assert command_of('w') is None


def test_help_names_every_key():
    text = ' '.join(HELP)
    words = set(text.replace('/', ' ').split())
    names = {'\n': 'ENTER', ' ': 'SPACE'}
    for key in [*MOTIONS, *GRIPPERS, *(command.value for command in Command)]:
        assert names.get(key, key) in words, key
