# SPDX-License-Identifier: Apache-2.0
"""Learning without ROS: recorded data, Gymnasium environments and `parl-train`."""
