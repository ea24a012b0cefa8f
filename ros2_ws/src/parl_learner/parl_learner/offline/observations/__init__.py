# SPDX-License-Identifier: Apache-2.0
"""What foreign data and environments show: numbers, pictures and instructions."""
