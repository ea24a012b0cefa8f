# SPDX-License-Identifier: Apache-2.0
"""From an observation to an action: sample, rank, climb, choose."""
