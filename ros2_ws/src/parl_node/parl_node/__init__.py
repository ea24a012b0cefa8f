# SPDX-License-Identifier: Apache-2.0
"""What the nodes of all packages share: how their processes end, how task files are read."""
