# SPDX-License-Identifier: Apache-2.0
"""All that nodes share of ROS: life of a process, artifacts, episodes, timers, messages."""
