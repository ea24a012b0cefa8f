# SPDX-License-Identifier: Apache-2.0
"""The camera: its calibration, its health, pixels to the table."""
