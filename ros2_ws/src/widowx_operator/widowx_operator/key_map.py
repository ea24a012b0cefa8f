# SPDX-License-Identifier: Apache-2.0
"""What each key means: a motion of the gripper, or a command to the station."""

from enum import Enum

from parl_files.episode import Outcome

SLOW, FAST = 0.3, 1.0
"""Part of the largest step (0.05 m, 0.25 rad) that a small letter and a capital move."""

MOTIONS: dict[str, tuple[int, float]] = {
    'w': (0, 1.0),
    's': (0, -1.0),
    'a': (1, 1.0),
    'd': (1, -1.0),
    'r': (2, 1.0),
    'f': (2, -1.0),
    'u': (3, 1.0),
    'o': (3, -1.0),
    'i': (4, 1.0),
    'k': (4, -1.0),
    'j': (5, 1.0),
    'l': (5, -1.0),
}
"""Action entry (dx dy dz droll dpitch dyaw, along and about the axes of `base_link`), and sign."""

GRIPPERS = {'g': -1.0, 'h': 1.0}
"""Gripper entry of the action: -1 closes, 1 opens."""


class Command(Enum):
    """A command of the operator to the station; its value is the key."""

    CONFIRM = '\n'
    BEGIN = 'b'
    SUCCESS = 'y'
    FAILURE = 'n'
    DISCARD = 'x'
    TAKE_OVER = 't'
    STOP = ' '
    RESUME = 'c'
    RECOVER = 'v'
    PARK = 'p'
    QUIT = 'q'


HELP = (
    'SPACE stop   c resume   p park   v recover   q quit',
    'ENTER objects are at their start   b begin a demonstration   t take over / give back',
    f'y {Outcome.SUCCESS}   n {Outcome.FAILED}   x {Outcome.DISCARDED}',
    'w/s forward/back   a/d left/right   r/f up/down   u/o roll   i/k pitch   j/l yaw',
    'capitals move faster   g close   h open',
)


def motion_of(key: str) -> tuple[int, float] | None:
    """Return the action entry that a key moves and its value in [-1, 1]; None for other keys."""
    if key.lower() not in MOTIONS:
        return None
    entry, sign = MOTIONS[key.lower()]
    return entry, sign * (FAST if key.isupper() else SLOW)


def command_of(key: str) -> Command | None:
    """Return the command of a key; None for other keys."""
    key = '\n' if key == '\r' else key
    return next((command for command in Command if command.value == key), None)
