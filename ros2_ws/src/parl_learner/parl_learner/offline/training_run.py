# SPDX-License-Identifier: Apache-2.0
"""One `parl-train` run: the robot's learning loop on recorded data and a Gymnasium environment.

Everything it needs to go on after kill -9 lies in its folder: `learner.checkpoint`, one file of
trajectories a practice round, `result.json`.
"""

from collections.abc import Callable, Sequence
import json
from pathlib import Path
import time

import gymnasium
import torch

from parl_learner.checkpoint import (
    CheckpointError,
    load_checkpoint,
    save_checkpoint,
    saved_rounds,
)
from parl_learner.learning_loop import LearningLoop
from parl_learner.offline.play import play, PlayedEpisode
from parl_learner.offline.training_config import TrainingConfig
from parl_learner.offline.training_progress import TrainingProgress
from parl_learner.offline.training_result import Evaluation, load_result, TrainingResult
from parl_learner.offline.trajectory import Trajectory
from parl_learner.offline.trajectory_file import load_trajectories, save_trajectories
from parl_learner.offline.vector_actor import VectorActor
from parl_policy.actor import Actor
from parl_policy.config_file import first_change, to_mapping
from parl_policy.durable_file import sweep_partial
from parl_policy.policy import ActionSpec

_EVALUATION_SEED = 10_000_000
"""Starts of evaluations: the same for all versions, all methods and all seeds of training."""


class TrainingRun:
    """Continues from what its folder holds."""

    CHECKPOINT_EVERY_S = 20.0
    SAY_EVERY_S = 10.0

    def __init__(
        self,
        config: TrainingConfig,
        data: Sequence[Trajectory],
        folder: Path,
        say: Callable[[str], None],
    ) -> None:
        """Begin, or resume.

        Args:
            config: The run.
            data: Offline data that passed its check.
            folder: Its own; made if missing.
            say: Told about progress.

        Raises:
            CheckpointError: The folder belongs to a run with another configuration.
        """
        folder.mkdir(parents=True, exist_ok=True)
        sweep_partial(folder)
        self.config = config
        self._data, self._folder, self._say = data, folder, say
        self._checkpoint = folder / 'learner.checkpoint'
        self._result_path = folder / 'result.json'
        self.result = self._begin_result()
        self._rounds: list[list[str]] = []
        self._progress = TrainingProgress(len(config.practice_rounds))
        self._environments: list[gymnasium.Env] = []
        self._saved_at = self._said_at = time.monotonic()
        self._counted = (time.monotonic(), time.process_time())
        example = data[0]
        self.loop = LearningLoop(
            config.learning,
            [f'observation_{i}' for i in range(example.observations.shape[1])],
            config.seed,
            ActionSpec(1, example.actions.shape[1], config.binary_actions),
        )
        if self._checkpoint.exists():
            self._resume()

    def run(self) -> TrainingResult:
        """Work to the end; what is done already is not done again."""
        for index in range(max(0, self.loop.counters.round), len(self.config.practice_rounds) + 1):
            if self.loop.counters.round < index:
                self._progress.round_began()
                self.loop.begin_round(self._episodes(index))
                self._save()
            while not self.loop.idle:
                self._work()
            self._progress.round_ended(index)
            self._save()
            if self.config.environment is not None and self.config.is_evaluated(index):
                self._evaluate(index)
        self._save_result()
        for environment in self._environments:
            environment.close()
        return self.result

    def _work(self) -> None:
        before, started = self.loop.units_left, time.monotonic()
        self.loop.advance()
        now = time.monotonic()
        self._progress.worked(before, self.loop.units_left, now - started)
        if now - self._saved_at > self.CHECKPOINT_EVERY_S:
            self._save()
        if now - self._said_at > self.SAY_EVERY_S:
            self._said_at = now
            self._say(self._progress.line(self.loop))

    def _episodes(self, index: int) -> Sequence[Trajectory]:
        """The data of a round: offline data, or practice, played unless it was before."""
        if index == 0:
            self._rounds.append([])
            return self._data
        path = self._folder / f'practice-{index:05d}.safetensors'
        self._rounds.append([path.name])
        if not path.exists():
            start = sum(self.config.practice_rounds[: index - 1])
            count = self.config.practice_rounds[index - 1]
            seeds = range(
                (self.config.seed + 1) * 1_000_000 + start,
                (self.config.seed + 1) * 1_000_000 + start + count,
            )
            played = self._play(self.config.learning.trains_critic, seeds, 'practice', index)
            save_trajectories(path, [episode.trajectory for episode in played])
        return load_trajectories(path)

    def _evaluate(self, index: int) -> None:
        seeds = range(_EVALUATION_SEED, _EVALUATION_SEED + self.config.evaluation_episodes)
        for actor in (
            ('policy', 'optimised') if self.config.learning.trains_critic else ('policy',)
        ):
            if self.result.has(index, actor):
                continue
            played = self._play(actor == 'optimised', seeds, 'evaluation', index)
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

    def _play(
        self, optimise: bool, seeds: Sequence[int], purpose: str, index: int
    ) -> list[PlayedEpisode]:
        environment = self.config.environment
        assert environment is not None
        while len(self._environments) < min(self.config.parallel_environments, len(seeds)):
            self._environments.append(environment.make())
        critic = self.loop.critic_trainer.critic if optimise else None
        learning = self.config.learning
        generator = torch.Generator().manual_seed(self.config.seed * 100_003 + index)
        return play(
            self._environments[: len(seeds)],
            VectorActor(
                Actor(self.loop.policy, critic, learning.optimisation, learning.choice), generator
            ),
            seeds,
            max_steps=environment.max_steps,
            reset_options=environment.reset_options,
            convention=self.config.reward,
            purpose=purpose,
            name=f'{purpose}-{index:05d}',
        )

    def _begin_result(self) -> TrainingResult:
        mapping = json.loads(json.dumps(to_mapping(self.config)))
        if not self._result_path.exists():
            return TrainingResult(self.config.name, self.config.seed, mapping)
        result = load_result(self._result_path)
        change = first_change(result.config, mapping)
        if change:
            raise CheckpointError(
                f'{self._folder}: {change}; continue with the old setting or use another folder'
            )
        return result

    def _resume(self) -> None:
        self._rounds = saved_rounds(self._checkpoint, self.config.learning)
        files = [names for names in self._rounds if names]
        practice = [load_trajectories(self._folder / names[0]) for names in files]
        self.loop.resume([self._data, *practice])
        load_checkpoint(self._checkpoint, self.loop)

    def _save(self) -> None:
        save_checkpoint(self._checkpoint, self.loop, self._rounds)
        self._saved_at = time.monotonic()
        self._save_result()

    def _save_result(self) -> None:
        now = (time.monotonic(), time.process_time())
        self.result.seconds += now[0] - self._counted[0]
        self.result.cpu_seconds += now[1] - self._counted[1]
        self._counted = now
        self.result.save(self._result_path)
