# SPDX-License-Identifier: Apache-2.0
"""Runs an experiment file without ROS, in one process with the same schedule and learner."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
import dataclasses
from dataclasses import dataclass
from pathlib import Path
import time

from in_process.station import Choose, InProcessStation
import numpy as np

from parl_files.artifact_store import ArtifactStore
from parl_files.episode import Purpose
from parl_files.episode_file import episode_to_bytes
from parl_learner.loop.learner import Learner
from parl_learner.plan.experiment_config import ExperimentConfig
from parl_learner.plan.gate import gate_results
from parl_learner.plan.schedule import EpisodeStep, LearnStep, next_step, Phase, task_of
from parl_policy.acting.actor import Actor
from parl_policy.acting.actor_file import load_actor
from parl_policy.acting.open_loop_actor import OpenLoopActor
from parl_policy.episode.observation import StationState
from parl_policy.episode.player import EpisodeGoal
from parl_policy.observations import Observation
from widowx_sim.scene.task_scene import Script
from widowx_sim.scripted_expert import ExpertConfig, ScriptedExpert


@dataclass
class PhaseResult:
    """Outcome of one phase of an experiment."""

    successes: int = 0
    episodes: int = 0
    steps: int = 0
    seconds: float = 0.0
    disagreements: int = 0
    """Number of episodes whose verdict and ground truth differ."""
    wrong_grasps: int = 0
    """Number of episodes in which another object than the task's was lifted."""


def run_in_process(
    config: ExperimentConfig,
    task_folder: Path,
    expert: ExpertConfig,
    data_folder: Path,
    say: Callable[[str], None],
) -> dict[str, PhaseResult]:
    """Run an experiment to its end, and continue from what the data folder holds.

    Args:
        config: The experiment.
        task_folder: Holds the file of each of its tasks.
        expert: Settings of the scripted operator.
        data_folder: Where episodes and versions go.
        say: Called with each line about the progress.

    Returns:
        The result of each phase, in order.
    """
    with ExitStack() as open_stations:
        stations = {}
        for task in {config.task, config.pretraining_task or config.task}:
            stations[task] = InProcessStation(task_folder / f'{task}.yaml', config.cameras)
            open_stations.callback(stations[task].close)
        return run_on_stations(config, stations, expert, data_folder, say)


def run_on_stations(
    config: ExperimentConfig,
    stations: Mapping[str, InProcessStation],
    expert: ExpertConfig,
    data_folder: Path,
    say: Callable[[str], None],
) -> dict[str, PhaseResult]:
    """Do what `run_in_process` does, on a station that the caller has made."""
    store = ArtifactStore(data_folder / 'artifacts')
    learner = Learner(config, store, lambda _: None, say)
    results: dict[str, PhaseResult] = {}
    loaded: dict[tuple[int, bool, bool], Actor] = {}
    while True:
        learner.library.refresh()
        successes = learner.library.successes()
        step = next_step(config, successes, learner.version)
        if step is None:
            for gate in gate_results(config, successes):
                say(gate.sentence)
            return results
        started = time.perf_counter()
        if isinstance(step, LearnStep):
            learner.take_in_episodes()
            while learner.busy:
                learner.work()
            result = results.setdefault(Phase.LEARNING, PhaseResult())
            say(f'version {learner.version}: {learner.loop and learner.loop.units.critic_metrics}')
        else:
            result = results.setdefault(step.phase, PhaseResult())
            station = stations[task_of(config, step)]
            goal = EpisodeGoal(step.episode_id, step.purpose, station.horizon, step.seed)
            choose = _chooser(step, store, (station.script, expert), loaded)
            episode = station.play(goal, choose)
            store.put('episode', step.seed, episode_to_bytes(episode), 'mcap')
            result.episodes += 1
            result.successes += int(episode.success)
            result.steps += len(episode)
            result.disagreements += int(station.truly_done != episode.success)
            result.wrong_grasps += int(station.lifted_other)
            if step.index + 1 == step.of or (
                step.phase == Phase.PRACTICE and result.episodes % 10 == 0
            ):
                say(f'{step.phase}: {result}')
        result.seconds += time.perf_counter() - started


def _chooser(
    step: EpisodeStep,
    store: ArtifactStore,
    expert: tuple[Script, ExpertConfig],
    loaded: dict[tuple[int, bool, bool], Actor],
) -> Choose:
    if step.phase == Phase.DEMONSTRATIONS:
        script = ScriptedExpert(*expert, step.seed)

        def demonstrate(
            index: int, observation: Observation, state: StationState
        ) -> tuple[np.ndarray, str]:
            thing, onto = state.object_positions
            target = state.target.position
            action = script.act(index, target, state.gripper_opening, thing, onto)
            return action.astype(np.float32), ''  # float32 as in parl_msgs/Act

        return demonstrate
    explores = step.purpose != Purpose.EVALUATION
    key = (step.version, step.optimise, explores)
    if key not in loaded:
        (policy,) = [r for r in store.list('policy') if r.version == step.version]
        critics = [r for r in store.list('critic') if r.version == step.version]
        critic = store.path(critics[0].name) if step.optimise else None
        loaded.clear()
        actor = load_actor(store.path(policy.name), critic)[0]
        loaded[key] = dataclasses.replace(actor, explores=explores)
    actor = OpenLoopActor(loaded[key], step.seed)
    return lambda index, observation, state: (
        actor.act(index, observation).action.astype(np.float64),
        f'policy {step.version}',
    )
