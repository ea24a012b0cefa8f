# SPDX-License-Identifier: Apache-2.0
"""From object positions and gripper to success, failure or unknown."""
