# SPDX-License-Identifier: Apache-2.0
"""The node that runs an experiment: it requests episodes, awaits versions, writes the report."""

from pathlib import Path
import sys
import time

from parl_files.config_file import from_mapping
from parl_files.episode import Outcome
from parl_files.episode_library import EpisodeLibrary
from parl_files.error import ParlError
from parl_files.yaml_file import load_yaml
from parl_learner.experiment.identity import check_experiment
from parl_learner.experiment.progress import ExperimentProgress
from parl_learner.experiment.record import ExperimentRecord, RecordedStep
from parl_learner.experiment.recovery import unrecorded_steps
from parl_learner.experiment.report_of_experiment import report_data
from parl_learner.methods.stage import LearnerPhase
from parl_learner.plan.experiment_config import check_calibration, ExperimentTask
from parl_learner.plan.schedule import EpisodeStep, LearnStep, next_step, Phase, task_of
from parl_learner.report.report import write_report
from parl_learner.ros.experiment_parameters import experiment_parameters
from parl_msgs.action import RunEpisode
from parl_msgs.msg import Artifact, LearnerStatus, PictureFormat
from parl_node.artifact_node import ArtifactNode
from parl_node.episode_client import EpisodeClient, EpisodeClientError
from parl_node.outcome_codes import outcome_of
from parl_node.path_parameter import path_parameter
from parl_node.run_node import node_process


class ExperimentError(ParlError):
    """The experiment cannot go on."""


class ExperimentNode(ArtifactNode):
    """Does the steps of an experiment; it reads the next one from disk, so it may be killed."""

    MAX_FAILURES = 20
    """Aborted episodes in a row after which the experiment ends."""
    SEEDS_APART = 1_000_000
    """Difference of seeds between attempts at an episode that would end so again."""
    FILE_TIMEOUT_S = 120.0
    """Wall time without a byte of a file that is on another host, after which it ends [s]."""
    SILENCE_S = 600.0
    """Wall time without news of the policy node, or a learner at work, after which it ends [s]."""
    SAY_EVERY_S = 10.0
    """Wall time between two lines about what is waited for [s]."""

    def __init__(self, **node_options: object) -> None:
        """Read the experiment; `run` does the work. `node_options` are those of rclpy's Node.

        Raises:
            ConfigError: The experiment file or the task file cannot be used, or the data folder
                holds an experiment with other files.
            ExperimentRecordError: The record of the steps done before cannot be read.
            DurableWriteError: For example, the disk is full.
        """
        kinds = ('episode', 'policy', 'critic')
        super().__init__('experiment', fetched_kinds=kinds, **node_options)
        self._config = experiment_parameters(self)
        task_file = path_parameter(self, 'task_file')
        task = load_yaml(task_file)
        self._task = from_mapping(ExperimentTask, task, str(task_file))
        check_calibration(self._config, self._task)
        check_experiment(self.data_folder, self._config, task)
        self._library = EpisodeLibrary(self.store, self.get_logger().error)
        self._record = ExperimentRecord(self.data_folder)
        steps = self._record.steps()
        self._recorded = {step.name for step in steps}
        self._progress = ExperimentProgress(self._config, steps)
        self._episodes = EpisodeClient(self)
        self.create_subscription(LearnerStatus, 'learner_status', self._on_learner, 10)
        self._learner = LearnerStatus()
        self._worked_at = 0.0  # when the learner last said that it works [s, monotonic]
        self._failures = 0  # episodes in a row that were not played to their end
        self._aborts = 0  # those of them that would end so again from the same start

    def run(self) -> Path:
        """Do all steps that are left, and write the report.

        Returns:
            The path of the report's page.

        Raises:
            ExperimentError: Too many episodes were aborted in a row, learning stopped, or the
                next step is on the experiment's other task.
            DurableWriteError: For example, the disk is full; the steps done before are not lost.
        """
        while (step := self._next_step()) is not None:
            self._check_task(step)
            if isinstance(step, LearnStep):
                self._write_down(step, self._learn(step))
            elif not self._episodes.is_free:
                # It may be playing this episode for an experiment that was killed.
                self._wait_for_policy()
            elif recorded := self._play(step):
                self._write_down(step, recorded)
        data = report_data(
            self._config,
            self._record.steps(),
            self._library,
            self.store,
            self._task.control_rate_hz,
        )
        return write_report(self.data_folder, data)

    def _next_step(self) -> EpisodeStep | LearnStep | None:
        self._library.refresh()
        versions = [record.version for record in self.store.list('policy')]
        newest = max(versions, default=-1)
        for done in unrecorded_steps(self._config, self._library, newest, self._recorded):
            self._write_down(*done)
        return next_step(self._config, self._library.successes(), newest)

    def _check_task(self, step: EpisodeStep | LearnStep) -> None:
        task = task_of(self._config, step)
        if task != self._task.task:
            raise ExperimentError(
                f'the next step is on task {task!r}, but the task file is about '
                f'{self._task.task!r}; launch again with the task file of {task!r} and the same '
                'data folder'
            )

    def _write_down(self, step: EpisodeStep | LearnStep, recorded: RecordedStep) -> None:
        self._record.add(recorded)
        self._recorded.add(recorded.name)
        self._say(self._progress.after(step, recorded))

    def _learn(self, step: LearnStep) -> RecordedStep:
        started = time.monotonic()
        self._wait_for_version(step.version)
        seconds = time.monotonic() - started
        return RecordedStep(phase=Phase.LEARNING, name=step.record_name, seconds=seconds)

    def _play(self, step: EpisodeStep) -> RecordedStep | None:
        """Play an episode; return None if it must be asked for again or was played before."""
        started = time.monotonic()
        latencies: list[float] = []
        again = 'will be played again'
        try:
            result = self._episodes.play(
                self._goal(step), lambda feedback: latencies.append(feedback.decision_ms)
            )
        except EpisodeClientError as error:
            # It may have been played all the same; then the next request is answered by its file.
            result = RunEpisode.Result(reason=str(error))
            again = 'is asked for again'
        else:
            self._aborts += result.ends_so_again
        if outcome_of(result.outcome) in (None, Outcome.ABORTED) or not result.file.name:
            self._failures += 1
            reason = result.reason or 'it has no file'
            self.get_logger().warning(f'{step.episode_id} {again}: {reason}')
            if self._failures >= self.MAX_FAILURES:
                raise ExperimentError(
                    f'{self._failures} aborted episodes in a row: {result.reason}; remove the '
                    'cause and launch again with the same data folder'
                )
            # The pause grows: a person who stopped the arm needs time.
            self._episodes.spin_for(float(self._failures))
            return None
        self._failures = self._aborts = 0
        self._wait_for_file(step, result.file)
        if not latencies:  # it was played before, and is written down with its own duration
            return None
        return RecordedStep(
            phase=step.phase,
            name=step.episode_id,
            seconds=time.monotonic() - started,
            success=result.success,
            steps=result.steps,
            decision_ms=tuple(round(ms, 2) for ms in latencies),
        )

    def _goal(self, step: EpisodeStep) -> RunEpisode.Goal:
        return RunEpisode.Goal(
            episode_id=step.episode_id,
            purpose=step.purpose,
            actor=self._config.demonstrator if step.phase == Phase.DEMONSTRATIONS else '',
            optimise=step.optimise,
            # A station that failed or was late says nothing about the start, which stays the same.
            seed=step.seed + self._aborts * self.SEEDS_APART,
            max_steps=self._task.horizon,
            policy_version=step.version,
            pictures=[
                PictureFormat(camera=camera, height=height, width=width)
                for camera, (height, width) in self._config.cameras.items()
            ],
        )

    def _wait_for_file(self, step: EpisodeStep, file: Artifact) -> None:
        """Wait until the file of an episode is here: without it, it would seem not to be played.

        Raises:
            ExperimentError: It does not come.
        """
        if file.version % self.SEEDS_APART != step.seed % self.SEEDS_APART:
            raise ExperimentError(
                f'{step.episode_id} was played from seed {file.version} for another experiment '
                f'({file.name} in the data folder of {file.server}); give the station the data '
                'folder of this experiment, or an empty one'
            )
        self.fetches.begin(file)
        began = said_at = time.monotonic()
        while not self.fetches.has(file):
            self._episodes.spin_for(0.05)
            lost = self._why_lost(file.name, max(began, self.fetches.progressed_at))
            if lost:
                raise ExperimentError(
                    f'{step.episode_id} was played, but its file has not come: {lost}; start the '
                    f'node of {file.server} on the host that has the file, then launch again with '
                    'the same data folder: the episode is fetched, not played again'
                )
            if time.monotonic() - said_at > self.SAY_EVERY_S:
                said_at = time.monotonic()
                self._say(f'waiting for the file of {step.episode_id}: {self._coming(file.name)}')

    def _wait_for_version(self, version: int) -> None:
        begin = f'policy-{version:06d}-'
        said_at, alive_at = 0.0, time.monotonic()
        while not any(record.version >= version for record in self.store.list('policy')):
            self._episodes.spin_for(0.2)
            if self._learner.phase.startswith('stopped'):
                raise ExperimentError(f'learning {self._learner.phase}')
            is_learned = self._learner.policy_version >= version > 0  # in a status 0 is none
            is_learning = version > 0 and not is_learned  # version 0 is made, without a phase
            news = self._worked_at if is_learning else self.fetches.progressed_at
            alive_at = max(alive_at, news)
            if is_learned and (lost := self._why_lost(begin, alive_at)):
                raise ExperimentError(
                    f'version {version} was learned, but its file has not come: {lost}; check the '
                    'link to the host of the learner, then launch again with the same data folder'
                )
            if time.monotonic() - alive_at > self.SILENCE_S:
                raise ExperimentError(
                    f'the learner has done nothing for version {version} in {self.SILENCE_S:g} s: '
                    f'{self._learner.phase or "it was not heard"}, with {self._learner.episodes} '
                    'episodes; its log says why, then launch again with the same data folder'
                )
            if time.monotonic() - said_at > self.SAY_EVERY_S:
                said_at = time.monotonic()
                coming = '' if is_learning else f'; {self._coming(begin)}'
                self._say(self._progress.while_learning(version, self._learner) + coming)

    def _why_lost(self, begin: str, alive_at: float) -> str:
        """Say why a file will not come whose name begins so; empty while it may."""
        if failure := self.fetches.failure(begin):
            return failure
        if time.monotonic() - alive_at > self.FILE_TIMEOUT_S:
            return f'nothing came for {self.FILE_TIMEOUT_S:g} s ({self._coming(begin)})'
        return ''

    def _coming(self, begin: str) -> str:
        return self.fetches.report(begin) or 'no node has announced it'

    def _wait_for_policy(self) -> None:
        began = said_at = time.monotonic()
        while not self._episodes.is_free:
            self._episodes.spin_for(0.1)
            if time.monotonic() - max(began, self._episodes.heard_at) > self.SILENCE_S:
                raise ExperimentError(
                    f'nothing was heard of the policy node for {self.SILENCE_S:g} s; start the '
                    'station in the same ROS_DOMAIN_ID, check the link to its host, then launch '
                    'again with the same data folder'
                )
            if time.monotonic() - said_at > self.SAY_EVERY_S:
                said_at = time.monotonic()
                self._say('waiting for the policy node (run_episode)')

    def _say(self, text: str) -> None:
        print(text, flush=True)

    def _on_learner(self, message: LearnerStatus) -> None:
        self._learner = message
        if message.phase != LearnerPhase.WAITING:
            self._worked_at = time.monotonic()


def main() -> None:
    """Run the experiment; exit with 0 after the report, 2 after an error, 1 if interrupted."""
    with node_process('experiment stopped'):
        node = ExperimentNode()
        try:
            report = node.run()
        finally:
            node.destroy_node()
        print(report.read_text(encoding='utf-8'))
        print(f'report: {report}')
        return
    sys.exit(1)  # interrupted: there is no report yet


if __name__ == '__main__':
    main()
