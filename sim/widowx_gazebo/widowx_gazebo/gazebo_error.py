# SPDX-License-Identifier: Apache-2.0
"""The error of a Gazebo that is not there, or not the one that was asked for."""

from parl_files.error import ParlError


class GazeboError(ParlError):
    """Gazebo does not do what is needed; the message says what, and the remedy."""
