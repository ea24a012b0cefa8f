# SPDX-License-Identifier: Apache-2.0
"""What the arm may never do, and what stops it."""
