# SPDX-License-Identifier: Apache-2.0
"""When a step back in time means that the clock was started again."""

CLOCK_RESTART_S = 1.0
"""A stamp this much older than the newest means a restarted clock [s]."""
