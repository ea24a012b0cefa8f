# SPDX-License-Identifier: Apache-2.0
"""π0: a vision-language model that is read once, and an expert that turns noise into actions."""
