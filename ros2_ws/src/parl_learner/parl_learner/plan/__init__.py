# SPDX-License-Identifier: Apache-2.0
"""The plan of a learning run: configuration, rounds and schedule."""
