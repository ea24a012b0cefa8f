# SPDX-License-Identifier: Apache-2.0
"""The station of a task file as a world for Gazebo; nothing of it has been run."""
