# SPDX-License-Identifier: Apache-2.0
"""The error of a command or request that the servos refuse."""

from parl_files.error import ParlError


class CommandError(ParlError):
    """A command or request is refused; the message names the thing, its value and the remedy."""
