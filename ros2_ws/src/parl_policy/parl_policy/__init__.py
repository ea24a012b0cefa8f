# SPDX-License-Identifier: Apache-2.0
"""Everything PARL needs to act: observations, action space, policies, critics, optimisation."""
