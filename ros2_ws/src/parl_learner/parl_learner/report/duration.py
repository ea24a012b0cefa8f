# SPDX-License-Identifier: Apache-2.0
"""Time spans as text for people."""


def duration(seconds: float) -> str:
    """Format a time span [s] for people: `42 s`, `3 min 05 s`, `1 h 02 min`."""
    whole = round(seconds)
    if whole < 60:
        return f'{whole} s'
    if whole < 3600:
        return f'{whole // 60} min {whole % 60:02d} s'
    return f'{whole // 3600} h {whole % 3600 // 60:02d} min'
