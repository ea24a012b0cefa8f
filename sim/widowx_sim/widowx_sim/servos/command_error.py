# SPDX-License-Identifier: Apache-2.0
"""The error of a command that the servos cannot take."""


class CommandError(ValueError):
    """A command or request is refused; the message names the thing, its value and the remedy."""
