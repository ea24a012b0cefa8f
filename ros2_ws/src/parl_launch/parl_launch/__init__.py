# SPDX-License-Identifier: Apache-2.0
"""Runs the launch files of `ros2 launch` where only ROS's wheels are installed."""
