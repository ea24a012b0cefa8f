# SPDX-License-Identifier: Apache-2.0
"""Bring-up of the WidowX station."""
