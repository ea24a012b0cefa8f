# SPDX-License-Identifier: Apache-2.0
"""The base of all errors that are explained to a person."""


class ParlError(Exception):
    """An error whose message tells a person what is wrong, the value found, and a remedy.

    The `main` of every program prints the message of such an error and nothing else. Any other
    error is a bug, and keeps its traceback.
    """
