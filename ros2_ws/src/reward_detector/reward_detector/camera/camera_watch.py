# SPDX-License-Identifier: Apache-2.0
"""Is the camera still there? Levels and words for the operator."""

from __future__ import annotations

from dataclasses import dataclass
import enum

# A camera this many times older than `max_age` is an error, not only late.
_ERROR_FACTOR = 10.0
# Wall time without any frame before a camera counts as late, whatever the node's clock says [s]:
# in lock-step the same frame comes again twice a second while the simulation waits.
_MAX_SILENCE_S = 2.0

FROZEN = 'camera shows the same picture although the arm moves'


class Level(enum.IntEnum):
    """Numbered as in diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass(frozen=True, kw_only=True)
class CameraHealth:
    """State of the camera at one moment."""

    level: Level
    """How bad."""
    message: str
    """One line that names the age."""


def camera_health(
    age_s: float | None, silence_s: float, max_age_s: float, is_frozen: bool = False
) -> CameraHealth:
    """Judge the camera.

    Args:
        age_s: node clock minus the newest frame's stamp [s]; None before the first frame.
        silence_s: wall time since any frame came, or since the start [s].
        max_age_s: a frame older than this is no evidence.
        is_frozen: the picture stays the same although the arm moves; `age_s` is the picture's.
    """
    error_after_s = _ERROR_FACTOR * max_age_s
    if age_s is None:
        message = f'no camera frame in {silence_s:.1f} s since the start; does the camera run?'
        return CameraHealth(level=_bad_level(silence_s, error_after_s), message=message)
    if is_frozen:
        message = f'{FROZEN} ({age_s:.1f} s old); restart the camera'
        return CameraHealth(level=Level.ERROR, message=message)
    if age_s > max_age_s:
        message = f'newest camera frame is {age_s:.1f} s old (limit {max_age_s} s)'
        return CameraHealth(level=_bad_level(age_s, error_after_s), message=message)
    if silence_s > _MAX_SILENCE_S:
        message = f'no camera frame came for {silence_s:.1f} s; has the camera died?'
        return CameraHealth(level=_bad_level(silence_s, error_after_s), message=message)
    return CameraHealth(level=Level.OK, message=f'newest camera frame is {age_s:.2f} s old')


def _bad_level(time_s: float, error_after_s: float) -> Level:
    return Level.ERROR if time_s > error_after_s else Level.WARN
