# SPDX-License-Identifier: Apache-2.0
"""Where and how a process computes: device, float32 products, recorded GPU graphs."""
