# SPDX-License-Identifier: Apache-2.0
"""What an episode file holds: steps and pictures, as MCAP records."""
