# SPDX-License-Identifier: Apache-2.0
"""The step back in time that means that the clock was started again."""

CLOCK_RESTART_S = 1.0
"""A stamp this much older than the newest means a restarted clock [s]."""
