# SPDX-License-Identifier: Apache-2.0
"""The data of learning: transitions, returns and action chunks."""
