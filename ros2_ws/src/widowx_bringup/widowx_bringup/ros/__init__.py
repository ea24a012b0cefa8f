# SPDX-License-Identifier: Apache-2.0
"""The node that shows the station in rviz."""
