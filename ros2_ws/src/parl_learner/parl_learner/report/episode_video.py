# SPDX-License-Identifier: Apache-2.0
"""A short film of one episode from the frames in its file."""

from collections.abc import Sequence
import os
from pathlib import Path

import cv2
import numpy as np

from parl_files.error import ParlError

# The only codec of the OpenCV wheel that web browsers play.
_CODEC = 'vp09'
_BAND_PX = 34


class EpisodeVideoError(ParlError):
    """A video could not be made; the message says why."""


def write_episode_video(
    path: Path,
    frames: Sequence[tuple[float, bytes]],
    rate_hz: float,
    caption: str,
    hold_s: float = 1.0,
) -> Path:
    """Write an MP4 of camera frames with a caption and the step number.

    Args:
        path: File to write; it ends in .mp4.
        frames: (stamp [s], JPEG bytes) in order, at least one.
        rate_hz: Frames per second.
        caption: One line of ASCII above the picture.
        hold_s: How long the last frame stays [s].

    Returns:
        The path; the file can be opened and has all its frames.

    Raises:
        EpisodeVideoError: No frames, a frame that is not a JPEG image, or no space to write.
    """
    if not frames:
        raise EpisodeVideoError(
            f'{path.name}: the episode file has no camera frames; record them when evaluating'
        )
    pictures = [_draw(jpeg, number, caption) for number, (_, jpeg) in enumerate(frames)]
    pictures += [pictures[-1]] * round(hold_s * rate_hz)
    height, width = pictures[0].shape[:2]
    unfinished = path.with_name(f'.{path.stem}.partial.mp4')
    writer = cv2.VideoWriter(
        str(unfinished), cv2.VideoWriter.fourcc(*_CODEC), rate_hz, (width, height)
    )
    for picture in pictures:
        writer.write(picture)
    writer.release()
    if count_frames(unfinished) != len(pictures):
        unfinished.unlink(missing_ok=True)
        raise EpisodeVideoError(
            f'{path}: OpenCV did not write all frames; check free disk space '
            f'and that the opencv wheel has {_CODEC}'
        )
    try:
        os.replace(unfinished, path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise EpisodeVideoError(f'could not write {path}: {error.strerror}') from error
    return path


def count_frames(path: Path) -> int:
    """Count the frames that can be decoded; 0 if the file cannot be opened."""
    video = cv2.VideoCapture(str(path))
    count = 0
    while video.grab():
        count += 1
    video.release()
    return count


def _draw(jpeg: bytes, number: int, caption: str) -> np.ndarray:
    data = np.frombuffer(jpeg, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if image is None:
        raise EpisodeVideoError(f'camera frame {number} ({len(jpeg)} bytes) is not a JPEG image')
    picture = cv2.copyMakeBorder(image, _BAND_PX, 0, 0, 0, cv2.BORDER_CONSTANT, value=(34, 34, 34))
    _write_text(picture, f'{number}: {caption}')
    return picture


def _write_text(picture: np.ndarray, text: str) -> None:
    """Write text into the band, as large as fits between its margins."""
    font, scale, margin_px = cv2.FONT_HERSHEY_SIMPLEX, 0.55, 10
    (width_px, _), _ = cv2.getTextSize(text, font, scale, 1)
    scale *= min(1.0, (picture.shape[1] - 2 * margin_px) / width_px)
    white = (255, 255, 255)
    cv2.putText(picture, text, (margin_px, 22), font, scale, white, 1, cv2.LINE_AA)
