# SPDX-License-Identifier: Apache-2.0
"""The simulated station: arm, scene and time together."""
