# SPDX-License-Identifier: Apache-2.0
"""An experiment: what identifies it, what it has done, how it goes on."""
