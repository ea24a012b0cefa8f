# SPDX-License-Identifier: Apache-2.0
"""The way to the servos: topics of xs_sdk, or the vendor's modules."""
