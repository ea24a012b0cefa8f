# SPDX-License-Identifier: Apache-2.0
"""The learner without ROS: it takes episodes, keeps a checkpoint and stores versions."""

from collections.abc import Callable, Sequence
import math
from pathlib import Path
import time

import torch

from parl_files.artifact_store import ArtifactRecord, ArtifactStore
from parl_files.episode import Episode, Purpose
from parl_files.episode_library import EpisodeLibrary
from parl_files.error import ParlError
from parl_learner.loop.checkpoint import load_checkpoint, save_checkpoint, saved_rounds
from parl_learner.loop.checkpoint_timer import CheckpointTimer
from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.loop.trial_paces import trial_paces
from parl_learner.loop.untrained import version_zero
from parl_learner.methods.stage import Work
from parl_learner.plan.experiment_config import ExperimentConfig
from parl_learner.plan.gate import kept_versions
from parl_learner.replay.replay import EpisodeMisfitError, Replay

Announce = Callable[[ArtifactRecord], None]


class PolicyMissingError(ParlError):
    """The version with whose policy a round goes on is missing; the message names the remedy."""


class Learner:
    """Learns from the episodes in a store, and puts every finished version into it."""

    CHECKPOINT_EVERY_S = 20.0

    def __init__(
        self,
        config: ExperimentConfig,
        store: ArtifactStore,
        announce: Announce,
        report: Callable[[str], None],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Resume from the checkpoint in the store's folder, if there is one.

        Args:
            config: The experiment; its seed is also the learner's.
            store: Episode files are read from here, versions are written here.
            announce: Called with every new version.
            report: Called with a message about each file that cannot be used.
            clock_s: Time [s], from which the pace is taken.

        Raises:
            CheckpointError: The checkpoint is damaged, it was written by another version of the
                code or with another configuration, or one of its episodes is missing.
            ConfigError: Its configuration was written by another version of the code.
        """
        self.config = config
        self.library = EpisodeLibrary(store, report)
        self.loop: LearningLoop | None = None
        """None until the first episodes give the layout of an observation."""
        self._store = store
        self._announce, self._report = announce, report
        self._clock_s = clock_s
        self._rounds: list[list[str]] = []
        self._checkpoint = store.folder / 'learner.checkpoint'
        self._timer = CheckpointTimer(self.CHECKPOINT_EVERY_S)
        self._is_saved = True
        self._stored_version = -1 if config.is_zero_shot else 0
        self._pace: dict[Work, float] = {}  # Stage.work -> seconds per unit, running mean
        self.library.refresh()
        if self._checkpoint.exists():
            self._resume()

    @property
    def version(self) -> int:
        """Newest version that is in the store; -1 while version 0 has to be made."""
        return self._stored_version

    @property
    def busy(self) -> bool:
        """Whether there is work to do before more episodes are needed."""
        return self.loop is not None and not self.loop.idle

    @property
    def seconds_left(self) -> float:
        """Estimated time for the round's updates [s], from the pace so far; NaN while unknown.

        The pace of work that has not begun comes from a trial; on a GPU there is none.
        """
        if self.loop is None or not self.busy:
            return 0.0
        left = self.loop.units_left
        return sum(count * self._pace.get(kind, math.nan) for kind, count in left.items() if count)

    def take_in_episodes(self) -> bool:
        """Begin the next round if all its episodes are there; return `busy`.

        Raises:
            DurableWriteError: For example, the disk is full. Call again when there is space.
            PolicyMissingError: The gate chose a version whose file is gone.
            EpisodeMisfitError: An episode was recorded with other cameras or for another task.
        """
        if self.busy:
            return True
        if not self._is_saved:
            self._save()
        self._store_version()
        self.library.refresh()
        names = self._next_round()
        if names:
            episodes = [self.library.named(name) for name in names]
            for name, episode in zip(names, episodes, strict=True):
                self._check_cameras(name, episode)
            if self.loop is None:
                self.loop = self._new_loop(episodes[0])
            self.loop.begin_round(episodes, self._old_policy())
            self._rounds.append(names)
            self._save()
            self._try_new_work()
        return self.busy

    def work(self) -> None:
        """Do one unit of work; store a version if it is finished, and a checkpoint if it is due.

        Raises:
            DurableWriteError: For example, the disk is full; the unit itself is done. Call
                `take_in_episodes` and `work` again when there is space.
        """
        if self.loop is None:
            return
        work = self.loop.stage.work
        started = self._clock_s()
        self.loop.advance()
        self._is_saved = False
        seconds = self._clock_s() - started
        if work is not None:
            self._pace[work] = self._pace.get(work, seconds) * 0.98 + seconds * 0.02
        if self.loop.idle or self._timer.is_due:
            self._save()
        self._store_version()

    def _next_round(self) -> list[str]:
        """Return the file names of the next round's episodes; empty while some are missing."""
        # By id: a second file of an episode may come, whose name is before that of the used one.
        used = {self.library.named(name).episode_id for names in self._rounds for name in names}
        if not self._rounds:
            purpose, needed = Purpose.DEMONSTRATION, self.config.demonstrations
        elif len(self._rounds) > len(self.config.practice_rounds):
            return []
        else:
            purpose, needed = Purpose.PRACTICE, self.config.practice_needed(len(self._rounds))
        completed = list(self.library.completed(purpose).items())
        if len(completed) < needed or self._kept_version() is None:
            return []
        return [name for episode_id, name in completed[:needed] if episode_id not in used]

    def _kept_version(self) -> int | None:
        """Return the version whose policy goes on; None while the newest has to pass the gate."""
        newest = len(self._rounds)
        if not newest or not self.config.gate_episodes:
            return newest
        return kept_versions(self.config, self.library.successes()).get(newest)

    def _old_policy(self) -> Path | None:
        """Return the policy file of the kept version; None if that is the newest."""
        kept = self._kept_version()
        if kept == len(self._rounds):
            return None
        # The last one, as the policy node takes it.
        for record in reversed(self._store.list('policy')):
            if record.version == kept:
                return self._store.path(record.name)
        raise PolicyMissingError(
            f'policy version {kept}, with which practice goes on, is missing from '
            f'{self._store.folder} or damaged; put it back, or remove {self._checkpoint}: then '
            'everything is learned again from the episodes'
        )

    def _check_cameras(self, name: str, episode: Episode) -> None:
        found = {camera: film.size for camera, film in episode.films.items()}
        if found != dict(self.config.cameras):
            raise EpisodeMisfitError(
                f'episode {episode.episode_id} in {name} has pictures {found or "of no camera"}, '
                f'but the experiment records {dict(self.config.cameras) or "none"}; take the file '
                f'out of {self._store.folder}, or use another data folder'
            )

    def _new_loop(self, example: Episode, replay: Replay | None = None) -> LearningLoop:
        return LearningLoop(
            self.config.learning,
            example.observation_names,
            self.config.seed,
            cameras={camera: film.size for camera, film in example.films.items()},
            folder=self._store.folder,
            replay=replay,
            report=self._report,
        )

    def _resume(self) -> None:
        self._rounds = saved_rounds(self._checkpoint, self.config.learning)
        self.loop = self._resumed_loop()
        load_checkpoint(self._checkpoint, self.loop)
        if not self.loop.idle:  # otherwise its version may not be in the store yet
            self._stored_version = self.loop.counters.version
        self._try_new_work()

    def _resumed_loop(self, replay: Replay | None = None) -> LearningLoop:
        """Make a loop at the beginning of the current round, untrained, perhaps on this replay."""
        rounds: Sequence[Sequence[Episode]] = [
            [self.library.named(name) for name in names] for names in self._rounds
        ]
        loop = self._new_loop(rounds[0][0], replay)
        loop.resume(rounds)
        return loop

    def _loop_on_trial(self) -> LearningLoop:
        assert self.loop is not None
        return self._resumed_loop(self.loop.replay)

    def _try_new_work(self) -> None:
        """Estimate the pace of the work that is left in the round and has no pace yet."""
        assert self.loop is not None
        left = {work for work, count in self.loop.units_left.items() if count}
        # A trial on a GPU would record CUDA graphs, which are not tried for the sake of a message.
        if not left <= set(self._pace) and torch.get_default_device().type == 'cpu':
            self._pace = trial_paces(self._loop_on_trial, self._clock_s) | self._pace

    def _store_version(self) -> None:
        """Store and announce the newest version, unless it is stored already."""
        version = self.loop.counters.version if self.loop is not None else 0
        if version == self._stored_version:
            return
        files = self.loop.version_files() if self.loop else {'policy': version_zero(self.config)}
        for kind, content in files.items():
            self._announce(self._store.put(kind, version, content, 'safetensors'))
        self._stored_version = version

    def _save(self) -> None:
        assert self.loop is not None
        with self._timer.saving():
            save_checkpoint(self._checkpoint, self.loop, self._rounds)
        self._is_saved = True
