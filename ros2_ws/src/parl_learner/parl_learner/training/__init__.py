# SPDX-License-Identifier: Apache-2.0
"""The losses, and the updates that change weights."""
