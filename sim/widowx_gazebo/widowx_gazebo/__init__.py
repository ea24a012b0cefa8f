# SPDX-License-Identifier: Apache-2.0
"""The station of a task file in Gazebo; it was never run with Gazebo itself."""
