# SPDX-License-Identifier: Apache-2.0
"""MuJoCo WidowX-250 6DoF station behind the ROS interface of the real arm."""
