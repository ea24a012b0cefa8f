# SPDX-License-Identifier: Apache-2.0
"""Gymnasium environments that policies are evaluated in."""
