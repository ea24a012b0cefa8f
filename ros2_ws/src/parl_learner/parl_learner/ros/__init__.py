# SPDX-License-Identifier: Apache-2.0
"""The nodes that learn and that run experiments."""
