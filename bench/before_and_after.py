# SPDX-License-Identifier: Apache-2.0
"""Makes the moving picture of the README from the report folder of a demo.

The left side plays the policy before practice, the right side the policy after it, both without
the critic and from the same start. The picture shows the first starts where the left side failed
and the right side succeeded. The numbers in the picture count all starts.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from parl_files.durable_file import write_durably
from parl_files.episode import Episode, Purpose
from parl_files.episode_file import EpisodeFileError, read_episode, read_frames
from parl_files.error import ParlError
from parl_learner.offline.run.whole_number import at_least_1
from parl_learner.plan.schedule import Phase

BEFORE, AFTER = Phase.IMITATION, Phase.DISTILLED
PANEL_PX = (400, 300)
MARGIN_PX, HEAD_PX, FOOT_PX = 12, 56, 34
FRAME_MS, HOLD_MS = 100, 1600  # a control step takes 200 ms, so the film runs twice as fast

GROUND, WHITE, GREY = (24, 26, 31), (255, 255, 255), (168, 173, 182)
RED, GREEN = (200, 62, 56), (38, 140, 84)
LIGHT_RED, LIGHT_GREEN = (255, 148, 138), (122, 219, 160)


class PictureError(ParlError):
    """The picture cannot be made; the message says what is missing."""


@dataclass(frozen=True)
class Take:
    """An evaluation episode and the file it is in."""

    path: Path
    seed: int
    """Seed of its start; equal seeds are equal starts."""
    success: bool
    steps: int


@dataclass(frozen=True)
class Experiment:
    """The facts of an experiment that the picture shows."""

    before: Sequence[Take]
    after: Sequence[Take]
    demonstrations: int
    practised: int


@dataclass(frozen=True)
class Panel:
    """One side of the picture."""

    title: str
    count: str
    take: Take
    frames: Sequence[Image.Image]
    """One frame for each observation, in order."""


def read_experiment(folder: Path) -> Experiment:
    """Read the episodes of a report folder.

    Raises:
        PictureError: The folder does not have episodes of both evaluations.
    """
    episodes = list(_episodes(folder / 'artifacts'))
    experiment = Experiment(
        before=_takes(episodes, BEFORE),
        after=_takes(episodes, AFTER),
        demonstrations=sum(
            e.purpose == Purpose.DEMONSTRATION and e.trainable for _, e in episodes
        ),
        practised=sum(e.purpose == Purpose.PRACTICE and e.trainable for _, e in episodes),
    )
    if not experiment.before or not experiment.after:
        raise PictureError(
            f'{folder} has {len(experiment.before)} episodes of {BEFORE} and '
            f'{len(experiment.after)} of {AFTER} in artifacts; give the report folder of a '
            'finished experiment'
        )
    return experiment


def chosen_pairs(experiment: Experiment, count: int) -> list[tuple[Take, Take]]:
    """Find the first starts that failed before practice and succeeded after it.

    Raises:
        PictureError: There is none.
    """
    succeeded = {take.seed: take for take in experiment.after if take.success}
    failed = [take for take in experiment.before if not take.success]
    pairs = [(take, succeeded[take.seed]) for take in failed if take.seed in succeeded]
    if not pairs:
        raise PictureError(
            'no start failed before practice and succeeded after it; give another report folder'
        )
    return pairs[:count]


def panels(experiment: Experiment, pair: tuple[Take, Take]) -> tuple[Panel, Panel]:
    """Return both sides of the picture for one start.

    Raises:
        PictureError: An episode was recorded without camera frames.
    """
    before, after = pair
    return (
        _panel(
            f'Before: imitates {experiment.demonstrations} demonstrations',
            experiment.before,
            before,
        ),
        _panel(f'After {experiment.practised} episodes of practice', experiment.after, after),
    )


def film(sides: tuple[Panel, Panel]) -> tuple[list[Image.Image], list[int]]:
    """Return the pictures of one start and their durations [ms]; the shorter side waits."""
    length = max(len(panel.frames) for panel in sides)
    pictures = [_picture(sides, number) for number in range(length)]
    return pictures, [FRAME_MS] * (length - 1) + [HOLD_MS]


def to_bytes(
    pictures: Sequence[Image.Image], durations_ms: Sequence[int], suffix: str, quality: int
) -> bytes:
    """Encode an endless animation.

    Args:
        pictures: At least one picture, all of one size.
        durations_ms: Duration of each picture [ms].
        suffix: '.webp' or '.gif'.
        quality: Quality of WebP, 1 to 100.
    """
    output = io.BytesIO()
    options: dict[str, object] = {'quality': quality, 'method': 6} if suffix == '.webp' else {}
    pictures[0].save(
        output,
        format=suffix[1:].upper(),
        save_all=True,
        append_images=list(pictures[1:]),
        duration=list(durations_ms),
        loop=0,
        **options,
    )
    return output.getvalue()


def _episodes(folder: Path) -> Iterator[tuple[Path, Episode]]:
    for path in sorted(folder.glob('*.mcap')):
        try:
            yield path, read_episode(path)
        except EpisodeFileError as error:
            print(f'not used: {error}', flush=True)


def _takes(episodes: Sequence[tuple[Path, Episode]], phase: str) -> list[Take]:
    """Return the episodes of a phase by number, without aborted ones, which were played again."""
    found = [
        (episode.episode_id, Take(path, episode.metadata['seed'], episode.success, len(episode)))
        for path, episode in episodes
        if episode.episode_id.startswith(f'{phase}-') and episode.outcome.is_played
    ]
    return [take for _, take in sorted(found, key=lambda pair: pair[0])]


def _panel(title: str, takes: Sequence[Take], take: Take) -> Panel:
    successes = sum(each.success for each in takes)
    return Panel(title, f'{successes} of {len(takes)} starts succeed', take, _read(take))


def _read(take: Take) -> list[Image.Image]:
    frames = [
        Image.open(io.BytesIO(jpeg)).convert('RGB').resize(PANEL_PX, Image.Resampling.LANCZOS)
        for _, jpeg in next(iter(read_frames(take.path).values()), [])
    ]
    if not frames:
        raise PictureError(
            f'{take.path}: no camera frames; an evaluation of an experiment records them'
        )
    return frames


def _picture(sides: tuple[Panel, Panel], number: int) -> Image.Image:
    width, height = PANEL_PX
    size = (2 * width + 3 * MARGIN_PX, height + HEAD_PX + FOOT_PX)
    picture = Image.new('RGB', size, GROUND)
    draw = ImageDraw.Draw(picture)
    for column, panel in enumerate(sides):
        x = MARGIN_PX + column * (width + MARGIN_PX)
        draw.text((x, 8), panel.title, WHITE, _font(19))
        colour = LIGHT_GREEN if column else LIGHT_RED
        draw.text((x, 33), panel.count, colour, _font(16))
        picture.paste(panel.frames[min(number, len(panel.frames) - 1)], (x, HEAD_PX))
        if number >= len(panel.frames) - 1:
            _mark_end(draw, panel.take.success, (x, HEAD_PX))
    note = 'Both from the same start. Simulation, played twice as fast.'
    draw.text((MARGIN_PX, HEAD_PX + height + 8), note, GREY, _font(14))
    return picture


def _mark_end(draw: ImageDraw.ImageDraw, success: bool, corner: tuple[int, int]) -> None:
    """Frame a panel whose episode is over, and say how it ended."""
    (x, y), (width, height) = corner, PANEL_PX
    colour, word = (GREEN, 'done') if success else (RED, 'failed')
    draw.rectangle((x, y, x + width - 1, y + height - 1), outline=colour, width=4)
    font = _font(18)
    text_px = draw.textlength(word, font)
    draw.rectangle((x, y + height - 34, x + text_px + 24, y + height - 1), fill=colour)
    draw.text((x + 12, y + height - 29), word, WHITE, font)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def main() -> None:
    """Read the report folder and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', type=Path, help='report folder of an experiment')
    parser.add_argument('--out', type=Path, default=Path('docs/before_and_after.webp'))
    parser.add_argument('--starts', type=at_least_1, default=3, help='shown one after the other')
    parser.add_argument('--quality', type=at_least_1, default=60, help='of WebP, up to 100')
    arguments = parser.parse_args()
    if arguments.out.suffix not in ('.webp', '.gif'):
        parser.error(f'--out: {arguments.out} must end in .webp or .gif')
    pictures: list[Image.Image] = []
    durations_ms: list[int] = []
    try:
        experiment = read_experiment(arguments.folder)
        for pair in chosen_pairs(experiment, arguments.starts):
            more, shown_ms = film(panels(experiment, pair))
            pictures += more
            durations_ms += shown_ms
        content = to_bytes(pictures, durations_ms, arguments.out.suffix, arguments.quality)
        write_durably(arguments.out, content)
    except ParlError as error:
        parser.error(str(error))
    print(f'{arguments.out}: {len(pictures)} frames, {len(content) / 1e6:.2f} MB')


if __name__ == '__main__':
    main()
