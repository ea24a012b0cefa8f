# SPDX-License-Identifier: Apache-2.0
"""Judges whether the camera still works, with a level and a line for the operator."""

from dataclasses import dataclass
import enum

# A frame older than this many times `max_age` is an error, not only a warning.
_ERROR_FACTOR = 10.0
# Wall time without any frame after which a camera counts as late [s]. In lock-step the same frame
# comes again twice a second while the simulation waits, so this does not depend on node time.
_MAX_SILENCE_S = 2.0

FROZEN = 'camera shows the same picture although the arm moves'


class Level(enum.IntEnum):
    """Level of a status, numbered as in diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass(frozen=True, kw_only=True)
class CameraHealth:
    """State of the camera at one moment."""

    level: Level
    """OK, warning or error."""
    message: str
    """One line for the operator that names the age of the newest frame."""


def camera_health(
    age_s: float | None, silence_s: float, max_age_s: float, is_frozen: bool = False
) -> CameraHealth:
    """Judge the camera by the age of its newest frame.

    Args:
        age_s: Node clock minus the newest frame's stamp [s]; None before the first frame.
        silence_s: Wall time since the last frame came, or since the start [s].
        max_age_s: A frame older than this is no evidence [s].
        is_frozen: The picture stays the same although the arm moves; then `age_s` is its age.
    """
    error_after_s = _ERROR_FACTOR * max_age_s
    if age_s is None:
        message = f'no camera frame in {silence_s:.1f} s since the start; is the camera running?'
        return CameraHealth(level=_bad_level(silence_s, error_after_s), message=message)
    if is_frozen:
        message = f'{FROZEN} ({age_s:.1f} s old); restart the camera'
        return CameraHealth(level=Level.ERROR, message=message)
    if age_s > max_age_s:
        message = f'newest camera frame is {age_s:.1f} s old (limit {max_age_s} s)'
        return CameraHealth(level=_bad_level(age_s, error_after_s), message=message)
    if silence_s > _MAX_SILENCE_S:
        message = f'no camera frame came for {silence_s:.1f} s; is the camera still running?'
        return CameraHealth(level=_bad_level(silence_s, error_after_s), message=message)
    return CameraHealth(level=Level.OK, message=f'newest camera frame is {age_s:.2f} s old')


def _bad_level(time_s: float, error_after_s: float) -> Level:
    return Level.ERROR if time_s > error_after_s else Level.WARN
