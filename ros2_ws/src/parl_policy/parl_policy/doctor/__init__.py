# SPDX-License-Identifier: Apache-2.0
"""Examines a policy before a robot trusts it: what is wrong, and what to do about it."""
