# SPDX-License-Identifier: Apache-2.0
"""When the next control step begins."""


def next_boundary(boundary_s: float, seen_s: float, period_s: float) -> float:
    """One period after this step was to begin, or did.

    Counted from the boundary and not from the frame that showed it, which may be a camera period
    older: else every step comes early by the age of its frame. A step that came late moves the
    ones after it; nothing is made up for in a burst.

    Args:
        boundary_s: When this step was to begin [s].
        seen_s: Stamp of the frame that it began with [s].
        period_s: Of control [s].
    """
    return max(boundary_s, seen_s) + period_s
