# SPDX-License-Identifier: Apache-2.0
"""The report of an experiment: tables, figures and films."""
