# SPDX-License-Identifier: Apache-2.0
"""Gymnasium environments for practice and evaluation."""
