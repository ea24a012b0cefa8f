# SPDX-License-Identifier: Apache-2.0
"""The arm: its model, its state, its kinematics."""
