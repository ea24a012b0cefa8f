# SPDX-License-Identifier: Apache-2.0
"""Objects in a picture, and where they are on the table."""
