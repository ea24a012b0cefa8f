# SPDX-License-Identifier: Apache-2.0
"""The episodes that were played before: a goal for one of them is answered by its file."""

from collections.abc import Callable

from parl_files.artifact_store import ArtifactError, ArtifactRecord, ArtifactStore
from parl_files.episode import Episode
from parl_files.episode_file import EpisodeFileError, read_episode, read_episode_id
from parl_msgs.action import RunEpisode
from parl_node.outcome_codes import outcome_code


class StoredEpisodes:
    """Finds the episode of a goal in a store.

    A client that has lost the answer to its goal, with its link or as it was killed, asks for the
    episode again. It was played all the same, and must not take the robot's time twice.
    """

    def __init__(self, store: ArtifactStore, report: Callable[[str], None]) -> None:
        """Start without a look at the store.

        Args:
            store: Where the episode files are.
            report: Called once with a text for each unusable file.
        """
        self._store = store
        self._report = report
        self._ids: dict[str, str] = {}  # by file name; empty if the file cannot be used

    def answer(
        self, goal: RunEpisode.Goal, version: str
    ) -> tuple[ArtifactRecord, RunEpisode.Result] | None:
        """Return file and result of a goal's episode if it was played to its end before.

        Args:
            goal: The goal. Its seed does not matter, as attempts at one episode differ in it.
            version: Artifact that would act now; empty for an actor outside the node.
        """
        for record in self._store.list('episode'):
            if record.name not in self._ids:
                self._ids[record.name] = self._read_id(record.name)
            if self._ids[record.name] == goal.episode_id:
                episode = self._read(record.name)
                if episode is not None and _is_of_goal(episode, goal, version):
                    return record, _result(episode)
        return None

    def _read(self, name: str) -> Episode | None:
        try:
            return read_episode(self._store.path(name))
        except (ArtifactError, EpisodeFileError) as error:
            self._report(str(error))
            return None

    def _read_id(self, name: str) -> str:
        try:
            return read_episode_id(self._store.path(name))
        except (ArtifactError, EpisodeFileError) as error:
            self._report(str(error))
            return ''


def _is_of_goal(episode: Episode, goal: RunEpisode.Goal, version: str) -> bool:
    made = episode.metadata
    return (
        episode.outcome.is_played
        and episode.purpose == goal.purpose
        and made.get('actor') == goal.actor
        and made.get('optimise') == goal.optimise
        and {camera: film.size for camera, film in episode.films.items()}
        == {each.camera: (each.height, each.width) for each in goal.pictures}
        # An operator's steps have no version.
        and set(episode.policy_versions) <= {version, ''}
    )


def _result(episode: Episode) -> RunEpisode.Result:
    return RunEpisode.Result(
        success=episode.success,
        outcome=outcome_code(episode.outcome),
        steps=len(episode),
        episode_return=float(episode.rewards.sum()),
    )
