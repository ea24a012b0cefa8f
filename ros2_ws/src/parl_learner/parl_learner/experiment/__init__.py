# SPDX-License-Identifier: Apache-2.0
"""An experiment: its identity, its record and its progress."""
