# SPDX-License-Identifier: Apache-2.0
"""What lies on disk: configuration, episodes, artifacts. No ROS, no torch."""
