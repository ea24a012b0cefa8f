# SPDX-License-Identifier: Apache-2.0
"""Serves policies to programs that know nothing of PARL."""
