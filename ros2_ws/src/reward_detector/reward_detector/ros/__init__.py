# SPDX-License-Identifier: Apache-2.0
"""The node that sees whether the task was done."""
