# SPDX-License-Identifier: Apache-2.0
"""The program parl-train: its configuration, its run and its results."""
