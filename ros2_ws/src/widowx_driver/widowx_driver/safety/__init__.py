# SPDX-License-Identifier: Apache-2.0
"""The limits of the arm, and the checks that stop it."""
