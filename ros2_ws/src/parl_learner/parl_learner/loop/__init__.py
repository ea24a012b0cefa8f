# SPDX-License-Identifier: Apache-2.0
"""Learning from begin to end: the loop, its methods, its checkpoints."""
