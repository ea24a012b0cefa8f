# SPDX-License-Identifier: Apache-2.0
"""One `parl-train` run: the robot's learning loop on recorded data and a Gymnasium environment.

After kill -9 a run continues from the files in its folder: `learner.checkpoint`, a file of
trajectories for each practice round, and `result.json`. The last version is put in `artifacts`.
"""

from collections.abc import Callable, Sequence
import json
from pathlib import Path
import time

from parl_files.artifact_store import ArtifactStore
from parl_files.config_file import to_mapping
from parl_learner.loop.checkpoint import (
    CheckpointError,
    load_checkpoint,
    save_checkpoint,
    saved_rounds,
)
from parl_learner.loop.checkpoint_timer import CheckpointTimer
from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.methods.stage import StageName
from parl_learner.offline.data.trajectory import digest, Trajectory
from parl_learner.offline.data.trajectory_file import load_trajectories, save_trajectories
from parl_learner.offline.run.player import Player
from parl_learner.offline.run.run_folder import begin_result, take_folder
from parl_learner.offline.run.training_config import TrainingConfig
from parl_learner.offline.run.training_progress import TrainingProgress
from parl_learner.offline.run.training_result import Distillation, Evaluation, TrainingResult
from parl_policy.policy import ActionSpec


class TrainingRun:
    """A run that continues from the files in its folder, and locks the folder until it ends."""

    CHECKPOINT_EVERY_S = 20.0
    SAY_EVERY_S = 10.0

    def __init__(
        self,
        config: TrainingConfig,
        data: Sequence[Trajectory],
        folder: Path,
        say: Callable[[str], None],
    ) -> None:
        """Begin the run, or resume it.

        Args:
            config: The configuration of the run.
            data: Offline data that passed its check.
            folder: Folder of the run; it is made if missing.
            say: Called with each line about the progress.

        Raises:
            RunFolderError: Another run is using the folder, or it cannot be used.
            CheckpointError: The checkpoint is damaged, or it belongs to a run with another
                configuration or other data.
            ResultFileError, WeightsFileError: Other files of the run are damaged.
            DurableWriteError: For example, the disk is full.
            ConfigError: The networks do not fit the observations, or the folder belongs to a
                run of another version of the code.
        """
        self.config = config
        self._data, self._folder, self._say = data, folder, say
        self._checkpoint = folder / 'learner.checkpoint'
        self._result_path = folder / 'result.json'
        self._rounds: list[list[str]] = []
        self._progress = TrainingProgress(len(config.practice_rounds))
        self._timer = CheckpointTimer(self.CHECKPOINT_EVERY_S)
        self._said_at = time.monotonic()
        self._counted = (time.monotonic(), time.process_time())
        example = data[0]
        width = example.observations.shape[1]
        self.loop = LearningLoop(
            config.learning,
            example.observation_names or [f'observation_{i}' for i in range(width)],
            config.seed,
            ActionSpec(1, example.actions.shape[1], config.binary_actions),
            cameras={camera: film.size for camera, film in example.films.items()},
            folder=folder,
            report=say,
        )
        # After the loop is made: a configuration that it refuses must leave nothing in the folder.
        self._lock = take_folder(folder)
        self.result = begin_result(
            self._result_path,
            self._checkpoint,
            json.loads(json.dumps(to_mapping(config))),
            digest(data),
        )
        self._player = Player(config, self.loop)
        if self._checkpoint.exists():
            self._resume()

    def run(self) -> TrainingResult:
        """Do all work that is left, and return the result.

        Raises:
            ObservationError: An environment's observation is not finite.
            CriticSupportError: The critic cannot represent the returns of practice.
            DurableWriteError: For example, the disk is full; run again when there is space.
            WeightsFileError: Training diverged, or a file is damaged.
        """
        try:
            first = max(0, self.loop.counters.round)
            for index in range(first, len(self.config.practice_rounds) + 1):
                self._learn(index)
                if self.config.environment is not None and self.config.is_evaluated(index):
                    self._evaluate(index)
            self._save_result()
            self._store_version()
        finally:
            self._player.close()
            self._lock.close()
        return self.result

    def _learn(self, index: int) -> None:
        if self.loop.counters.round < index:
            self._progress.round_began()
            self.loop.begin_round(self._episodes(index))
            self._save()
        while not self.loop.idle:
            self._work()
        self._progress.round_ended(index)
        target = self.loop.method.distillation_target
        has_taught = any(s.name is StageName.DISTILLING and s.units for s in self.loop.stages)
        if target is not None and has_taught:
            self.result.add_distillation(
                Distillation(
                    round=index,
                    spread=self.loop.counters.distillation_spread,
                    target=target,
                    changed_token_share=self.loop.counters.changed_token_share,
                )
            )
        self._save()

    def _work(self) -> None:
        before, started = self.loop.units_left, time.monotonic()
        self.loop.advance()
        now = time.monotonic()
        self._progress.worked(before, self.loop.units_left, now - started)
        if self._timer.is_due:
            self._save()
        if now - self._said_at > self.SAY_EVERY_S:
            self._said_at = now
            self._say(self._progress.line(self.loop))

    def _episodes(self, index: int) -> Sequence[Trajectory]:
        """Return a round's data: offline data, or practice, which is played if not on disk."""
        if index == 0:
            self._rounds.append([self.result.data])
            return self._data
        path = self._folder / f'practice-{index:05d}.safetensors'
        self._rounds.append([path.name])
        if not path.exists():
            played = self._player.practise(index)
            save_trajectories(path, [episode.trajectory for episode in played])
        return load_trajectories(path)

    def _evaluate(self, index: int) -> None:
        with_critic = self.loop.method.evaluates_with_critic(self.config.learning)
        for actor in ('policy', 'optimised') if with_critic else ('policy',):
            if self.result.has(index, actor):
                continue
            played = self._player.evaluate(actor == 'optimised', index)
            offline = sum(len(t) for t in self._data)
            evaluation = Evaluation(
                round=index,
                actor=actor,
                practice_steps=len(self.loop.replay) - offline,
                scores=tuple(episode.score for episode in played),
                graded=self.config.reward.graded,
            )
            self.result.evaluations.append(evaluation)
            self._save_result()
            low, high = evaluation.interval
            self._say(
                f'round {index}, {actor}: score {evaluation.mean:.1f} '
                f'({low:.1f} … {high:.1f}) over {len(played)} episodes'
            )

    def _store_version(self) -> None:
        """Store the last version in the form that a policy node loads."""
        store = ArtifactStore(self._folder / 'artifacts')
        for kind, content in self.loop.version_files().items():
            store.put(kind, self.loop.counters.version, content, 'safetensors')

    def _resume(self) -> None:
        self._rounds = saved_rounds(self._checkpoint, self.config.learning)
        data, *files = (names[0] for names in self._rounds)
        if data != self.result.data:
            raise CheckpointError(
                f'{self._checkpoint} learned from other offline data than '
                f'{self._result_path.name} names; put back the one that belongs here'
            )
        practice = [load_trajectories(self._folder / name) for name in files]
        self.loop.resume([self._data, *practice])
        load_checkpoint(self._checkpoint, self.loop)

    def _save(self) -> None:
        with self._timer.saving():
            save_checkpoint(self._checkpoint, self.loop, self._rounds)
        self._save_result()

    def _save_result(self) -> None:
        now = (time.monotonic(), time.process_time())
        self.result.seconds += now[0] - self._counted[0]
        self.result.cpu_seconds += now[1] - self._counted[1]
        self._counted = now
        self.result.save(self._result_path)
