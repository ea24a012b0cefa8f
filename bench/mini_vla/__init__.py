# SPDX-License-Identifier: Apache-2.0
"""The mini vision-language-action model: its demonstrations, its training, its checkpoint."""
