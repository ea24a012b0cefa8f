# SPDX-License-Identifier: Apache-2.0
"""The policy's samples for the states of the replay, drawn by one process or by many."""
