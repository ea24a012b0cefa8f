# SPDX-License-Identifier: Apache-2.0
"""Slow ways of the arm: to the start, to rest, out of a fault."""
