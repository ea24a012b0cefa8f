# SPDX-License-Identifier: Apache-2.0
"""Safety shell between end-effector targets and the joints of a WidowX-250 6DoF."""
