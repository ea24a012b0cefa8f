# SPDX-License-Identifier: Apache-2.0
"""The simulated servos behind the topics and services of xs_sdk."""
