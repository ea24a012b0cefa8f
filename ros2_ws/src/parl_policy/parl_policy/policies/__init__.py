# SPDX-License-Identifier: Apache-2.0
"""The policy classes, and the registry that finds one by its name."""
