# SPDX-License-Identifier: Apache-2.0
"""Network parts that policies and critics are built of."""
