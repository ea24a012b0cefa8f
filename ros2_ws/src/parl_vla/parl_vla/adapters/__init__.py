# SPDX-License-Identifier: Apache-2.0
"""What learns beside frozen weights."""
