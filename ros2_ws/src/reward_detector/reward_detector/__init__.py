# SPDX-License-Identifier: Apache-2.0
"""Camera image to object positions on the table, and to a sparse three-valued reward."""
