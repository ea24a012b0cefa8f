# SPDX-License-Identifier: Apache-2.0
"""The learning loop, its checkpoints, and the learner that runs it."""
