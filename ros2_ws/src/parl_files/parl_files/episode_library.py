# SPDX-License-Identifier: Apache-2.0
"""The episodes of a data folder, each read once."""

from collections.abc import Callable

from parl_files.artifact_store import ArtifactStore
from parl_files.episode import Episode, EpisodeError, Purpose
from parl_files.episode_file import EpisodeFileError, read_episode
from parl_files.error import ParlError


class EpisodeMissingError(ParlError):
    """An episode that was learned from is there no more; the message names file and remedy."""


class EpisodeLibrary:
    """Finds episode files in a store; a damaged one is reported once and left out."""

    def __init__(self, store: ArtifactStore, report: Callable[[str], None]) -> None:
        """Look into the store at the first `refresh`.

        Args:
            store: Where episode files are.
            report: Told about each unusable file, once.
        """
        self._store = store
        self._report = report
        self._known: dict[str, Episode | None] = {}

    def refresh(self) -> None:
        """Read the files that are new."""
        for error in self._store.damaged('episode'):
            self._report_once(str(error), str(error))
        for record in self._store.list('episode'):
            if record.name in self._known:
                continue
            try:
                self._known[record.name] = read_episode(self._store.path(record.name))
            except (EpisodeFileError, EpisodeError) as error:
                self._report_once(record.name, f'{error}; it is left out of training')

    def named(self, name: str) -> Episode:
        """The episode in a file of that name.

        Raises:
            EpisodeMissingError: There is no such file any more, or it cannot be read.
        """
        episode = self._known.get(name)
        if episode is None:
            raise EpisodeMissingError(
                f'episode file {name}, which was learned from, is missing from '
                f'{self._store.folder} or damaged; put it back, or start with an empty data folder'
            )
        return episode

    def completed(self, purpose: Purpose | None = None) -> dict[str, str]:
        """File name by episode id, in order of id, without aborted and discarded episodes.

        Of several files with one id the first counts: a round never takes in an episode twice.
        """
        found: dict[str, str] = {}
        for name, episode in self._known.items():
            if (
                episode is not None
                and episode.outcome.is_played
                and purpose in (None, episode.purpose)
            ):
                found.setdefault(episode.episode_id, name)
        return dict(sorted(found.items()))

    def _report_once(self, key: str, message: str) -> None:
        if key not in self._known:
            self._known[key] = None
            self._report(message)
