# SPDX-License-Identifier: Apache-2.0
"""How a policy learns after its pre-training: one file for each method."""
