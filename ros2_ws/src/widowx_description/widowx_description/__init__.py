# SPDX-License-Identifier: Apache-2.0
"""The facts of the WidowX-250 6DoF arm, kept once for every package."""
