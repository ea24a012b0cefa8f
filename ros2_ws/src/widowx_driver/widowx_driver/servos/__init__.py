# SPDX-License-Identifier: Apache-2.0
"""The servos: preparing them, watching them, speaking to them."""
