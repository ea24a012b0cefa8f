# SPDX-License-Identifier: Apache-2.0
"""Policies that see pictures and read an instruction."""
