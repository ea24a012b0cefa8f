# SPDX-License-Identifier: Apache-2.0
"""Whole numbers as arguments of a program, for `type=` of argparse."""

import argparse


def at_least_1(text: str) -> int:
    """Convert an argument to a whole number of at least 1, such as a count.

    Raises:
        argparse.ArgumentTypeError: The text is not such a number.
    """
    return _at_least(1, text)


def at_least_0(text: str) -> int:
    """Convert an argument to a whole number of at least 0, such as a seed.

    Raises:
        argparse.ArgumentTypeError: The text is not such a number.
    """
    return _at_least(0, text)


def _at_least(smallest: int, text: str) -> int:
    if not text.isdecimal() or int(text) < smallest:
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number of at least {smallest}')
    return int(text)
