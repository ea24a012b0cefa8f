# SPDX-License-Identifier: Apache-2.0
"""Table, objects and camera of a task as a MuJoCo model."""
