# SPDX-License-Identifier: Apache-2.0
"""One episode from its inputs to its record: what is observed, what is commanded."""
