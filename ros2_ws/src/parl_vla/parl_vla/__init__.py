# SPDX-License-Identifier: Apache-2.0
"""Vision-language-action policies; importing it without naming one costs nothing."""
