# SPDX-License-Identifier: Apache-2.0
"""Arm, scene and time together: the simulated station."""
