# SPDX-License-Identifier: Apache-2.0
"""Measures how far a point is inside or outside a polygon, and how far it can be inside."""

import numpy as np

_QUARTERS = np.array([[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]])


def signed_distance(polygon: np.ndarray, point: np.ndarray) -> float:
    """Return the distance of a point from a polygon's outline, positive inside.

    Args:
        polygon: (N, 2) corners in order, either way round, N >= 3, no edge crossing another.
        point: (2,) in the same unit.
    """
    starts, ends = polygon, np.roll(polygon, -1, axis=0)
    edges = ends - starts
    along = np.einsum('ij,ij->i', point - starts, edges) / np.einsum('ij,ij->i', edges, edges)
    nearest = starts + np.clip(along, 0.0, 1.0)[:, None] * edges
    distance = float(np.min(np.linalg.norm(nearest - point, axis=1)))
    # Even-odd rule: count the edges that a ray in +x from the point crosses.
    spans = (starts[:, 1] > point[1]) != (ends[:, 1] > point[1])
    rise = np.where(spans, edges[:, 1], 1.0)
    crossing_x = starts[:, 0] + (point[1] - starts[:, 1]) / rise * edges[:, 0]
    inside = np.count_nonzero(spans & (crossing_x > point[0])) % 2 == 1
    return distance if inside else -distance


def greatest_depth(polygon: np.ndarray) -> float:
    """Return how far inside a polygon a point can be: the radius of its largest inner circle.

    Args:
        polygon: As for `signed_distance`.

    Returns:
        At most the true radius, and less by at most a thousandth of the polygon's extent.
    """
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    half_width = 0.5 * float(np.max(high - low))
    tolerance = 2e-3 * half_width
    squares = [0.5 * (low + high)]  # the middle of each square
    deepest = 0.0
    while squares:
        depths = [signed_distance(polygon, middle) for middle in squares]
        deepest = max(deepest, *depths)
        # Between a square's middle and a corner the depth grows by at most their distance.
        hopeful = [
            middle
            for middle, depth in zip(squares, depths, strict=True)
            if depth + np.sqrt(2.0) * half_width > deepest + tolerance
        ]
        squares = [middle + half_width * quarter for middle in hopeful for quarter in _QUARTERS]
        half_width *= 0.5
    return deepest
