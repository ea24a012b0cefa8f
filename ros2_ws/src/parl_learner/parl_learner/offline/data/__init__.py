# SPDX-License-Identifier: Apache-2.0
"""Data sets of other formats: how they are read and checked."""
