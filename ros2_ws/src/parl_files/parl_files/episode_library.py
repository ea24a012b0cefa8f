# SPDX-License-Identifier: Apache-2.0
"""The episodes of a data folder, each read once."""

from collections.abc import Callable

from parl_files.artifact_store import ArtifactStore
from parl_files.episode import Episode, EpisodeError, Purpose
from parl_files.episode_file import EpisodeFileError, read_episode
from parl_files.error import ParlError


class EpisodeMissingError(ParlError):
    """An episode that the learner has used is missing; the message names file and remedy."""


class EpisodeLibrary:
    """The valid episode files of a store; a damaged file is reported once and left out."""

    def __init__(self, store: ArtifactStore, report: Callable[[str], None]) -> None:
        """Start empty; `refresh` reads the store.

        Args:
            store: Where the episode files are.
            report: Called once with a text for each unusable file.
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
        """Return the episode in the file of that name.

        Raises:
            EpisodeMissingError: The file no longer exists or cannot be read.
        """
        episode = self._known.get(name)
        if episode is None:
            raise EpisodeMissingError(
                f'episode file {name}, which was learned from, is missing from '
                f'{self._store.folder} or damaged; put it back, or start with an empty data folder'
            )
        return episode

    def completed(self, purpose: Purpose | None = None) -> dict[str, str]:
        """Return file names by episode id, in order of id, without aborted and discarded ones.

        If several files have the same id, the first by name counts, so that no episode is used
        twice and every host takes the same one, in whatever order the files have come.
        """
        found: dict[str, str] = {}
        for name, episode in sorted(self._known.items()):
            if (
                episode is not None
                and episode.outcome.is_played
                and purpose in (None, episode.purpose)
            ):
                found.setdefault(episode.episode_id, name)
        return dict(sorted(found.items()))

    def successes(self) -> dict[str, bool]:
        """Return for each episode of `completed` whether it was a success, by id."""
        return {
            episode_id: self.named(name).success for episode_id, name in self.completed().items()
        }

    def _report_once(self, key: str, message: str) -> None:
        if key not in self._known:
            self._known[key] = None
            self._report(message)
