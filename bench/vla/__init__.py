# SPDX-License-Identifier: Apache-2.0
"""How fast an OpenVLA acts and learns."""
