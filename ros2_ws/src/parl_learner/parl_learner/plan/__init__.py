# SPDX-License-Identifier: Apache-2.0
"""What a learning run will do: configuration, rounds, schedule."""
