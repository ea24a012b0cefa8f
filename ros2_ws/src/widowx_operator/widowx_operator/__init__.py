# SPDX-License-Identifier: Apache-2.0
"""The tools of the human at the station: teach, demonstrate, take over, label, stop."""
