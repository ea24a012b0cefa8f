# SPDX-License-Identifier: Apache-2.0
"""The nodes of the human at the station."""
