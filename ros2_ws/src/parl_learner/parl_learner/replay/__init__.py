# SPDX-License-Identifier: Apache-2.0
"""What is learned from: transitions, returns, action chunks."""
