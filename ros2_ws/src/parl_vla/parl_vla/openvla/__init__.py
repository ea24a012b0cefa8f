# SPDX-License-Identifier: Apache-2.0
"""OpenVLA (arXiv 2406.09246) in plain torch, with the key names of its released checkpoint."""
