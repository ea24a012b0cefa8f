# SPDX-License-Identifier: Apache-2.0
"""What a person reads afterwards: tables, figures, films."""
