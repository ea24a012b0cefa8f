# SPDX-License-Identifier: Apache-2.0
"""What offline data shows besides numbers, against what policy and critic need."""

from collections.abc import Mapping, Sequence

from parl_learner.offline.data.recording_check import Finding
from parl_learner.offline.data.trajectory import RawEpisode
from parl_learner.offline.observations.films import FilmStart
from parl_policy.observations import ObservationNeeds, Size

Needs = Mapping[str, ObservationNeeds]
"""By who needs it, such as 'policy'."""


def lacking(episodes: Sequence[RawEpisode], needs: Needs) -> list[Finding]:
    """Find cameras that are seen but are missing or too small, and observations of nothing."""
    first = episodes[0]
    sizes = _sizes(first)
    found = [
        Finding('cameras', f'the {who} {why}', 'In a file of parl-train these are dataset.cameras')
        for who, each in needs.items()
        if (why := each.misfit(sizes))
    ]
    if found:
        return found
    for camera in _seen(needs):
        others = [e for e in episodes if _sizes(e).get(camera) != sizes[camera]]
        found += [
            Finding(
                'cameras',
                f'pictures of {camera!r} are {_sizes(other).get(camera, "missing")} in '
                f'{other.name} and {sizes[camera]} in {first.name}',
                'Keep data with the same cameras of one size together',
            )
            for other in others[:1]
        ]
    if not first.observations.shape[1]:
        found += [
            Finding(
                'no-observations',
                f'observations have no numbers, and the {who} sees no camera',
                f'Name numbers in dataset.observation_keys, or set learning.{who}.vision.pictures '
                f'to some of {sorted(sizes)}',
            )
            for who, each in needs.items()
            if not each.pictures
        ]
    return found


def shown(episodes: Sequence[RawEpisode], needs: Needs) -> list[tuple[str, str]]:
    """Return the rows of a table with the cameras and the instructions."""
    cameras = []
    for camera in dict.fromkeys(camera for episode in episodes for camera in episode.films):
        sizes = [_sizes(episode)[camera] for episode in episodes if camera in episode.films]
        seers = [who for who, each in needs.items() if camera in each.pictures]
        cameras.append(
            f'{camera}, {" or ".join(f"{h} × {w}" for h, w in dict.fromkeys(sizes))} px, '
            + f'in {len(sizes)} episodes, ' * (len(sizes) < len(episodes))
            + f'seen by {" and ".join(seers) or "nobody"}'
        )
    told = [episode.instruction for episode in episodes if episode.instruction]
    readers = [who for who, each in needs.items() if each.instruction]
    return [
        ('cameras', '; '.join(cameras) or 'none'),
        (
            'instructions',
            f'{len(set(told))} different, {len(episodes) - len(told)} episodes without; read by '
            f'{" and ".join(readers) or "nobody"}',
        ),
    ]


def doubts(episodes: Sequence[RawEpisode], needs: Needs) -> list[str]:
    """Say what the data lacks although it can be learned from; decodes a picture an episode."""
    found = []
    readers = [who for who, each in needs.items() if each.instruction]
    silent = [episode.name for episode in episodes if not episode.instruction]
    if readers and silent:
        found.append(
            f'{len(silent)} of {len(episodes)} episodes have no instruction, first {silent[0]}, '
            f'but the {" and the ".join(readers)} reads it; name where it is in '
            'dataset.instruction_key, or give one for all in dataset.instruction'
        )
    for camera in _seen(needs):
        firsts = {e.name: FilmStart(e.films[camera], 1, e.name) for e in episodes}
        blank = [name for name, film in firsts.items() if not any(p.std() for p in film)]
        if blank:
            found.append(
                f'the first picture of {camera!r} has one colour alone in {len(blank)} of '
                f'{len(episodes)} episodes, first {blank[0]}; some data keep such pictures for a '
                'camera that was not there'
            )
    return found


def _seen(needs: Needs) -> list[str]:
    return list(dict.fromkeys(camera for each in needs.values() for camera in each.pictures))


def _sizes(episode: RawEpisode) -> dict[str, Size]:
    return {camera: film.size for camera, film in episode.films.items()}
