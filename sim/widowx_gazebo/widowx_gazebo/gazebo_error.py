# SPDX-License-Identifier: Apache-2.0
"""The error of a Gazebo that does not run or does not answer as expected."""

from parl_files.error import ParlError


class GazeboError(ParlError):
    """Gazebo does not do what is needed; the message names the fault and the remedy."""
