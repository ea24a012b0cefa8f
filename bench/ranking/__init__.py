# SPDX-License-Identifier: Apache-2.0
"""Measures whether a critic ranks a state's actions by what really follows them."""
