# SPDX-License-Identifier: Apache-2.0
"""Critic ensembles: their heads, and the mean Q that actions climb."""
