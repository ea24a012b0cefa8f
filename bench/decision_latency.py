# SPDX-License-Identifier: Apache-2.0
"""Measures how long decisions take while the learner trains on the same machine.

The station's nodes run as `sim.launch.yaml` starts them, in lock-step. The weights are untrained,
which takes the same time. A decision lasts from complete inputs in the policy node to the
published target, as the RunEpisode feedback says. Frame to target is the time from the arrival of
a camera frame here to the arrival of its target; it includes reward detector and transport.
"""

import argparse
from collections.abc import Callable, Iterator
import contextlib
from dataclasses import dataclass, field, replace
import json
import os
from pathlib import Path
import platform
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
import rclpy
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
import yaml

from parl_files.artifact_store import ArtifactStore
from parl_files.config_file import to_mapping
from parl_files.episode import Episode, Outcome, Purpose
from parl_files.episode_file import episode_to_bytes
from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.offline.run.whole_number import at_least_1
from parl_learner.plan.experiment_config import ExperimentConfig, load_experiment
from parl_msgs.action import RunEpisode
from parl_msgs.msg import EndEffectorTarget, LearnerStatus
from parl_node.message_conversion import seconds
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.compute.precision import slow_because
from parl_policy.critics.critic import CriticConfig
from parl_policy.episode.observation import ObservationLayout

EXPERIMENT = (
    Path(__file__).parents[1] / 'ros2_ws/src/widowx_bringup/config/experiments/cup_to_rack.yaml'
)
NAMES = ObservationLayout(object_names=('cup', 'rack')).names
STEPS = 60
AIM_MS = 50.0


@dataclass
class Measurement:
    """Times of one setting [ms]."""

    decision_ms: list[float] = field(default_factory=list)
    frame_to_target_ms: list[float] = field(default_factory=list)
    updates_per_s: float = 0.0


class Bench:
    """Asks for episodes and takes the times."""

    def __init__(self) -> None:
        """Join the station's namespace."""
        self._node = rclpy.create_node('bench', namespace='/wx250s')
        self._seen_at: dict[float, float] = {}
        self._learner = LearnerStatus()
        self._now = Measurement()
        take = self._node.create_subscription
        take(Image, 'camera/color/image_raw', self._on_image, qos_profile_sensor_data)
        take(EndEffectorTarget, 'target', self._on_target, 10)
        take(LearnerStatus, 'learner_status', self._on_learner, 10)
        self._client = ActionClient(self._node, RunEpisode, 'run_episode')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._count = 0

    def measure(self, version: int, episodes: int) -> Measurement:
        """Play episodes with a version; the first one is a warm-up and does not count."""
        for index in range(episodes + 1):
            if index <= 1:
                self._now = Measurement()
                begin = (time.monotonic(), self._updates())
            self._play(version)
        self._now.updates_per_s = (self._updates() - begin[1]) / (time.monotonic() - begin[0])
        return self._now

    def wait(self, is_done: Callable[[], bool], what: str, limit_s: float = 120.0) -> None:
        """Spin until `is_done` returns True.

        Raises:
            TimeoutError: It did not do so in time.
        """
        end = time.monotonic() + limit_s
        while not is_done():
            if time.monotonic() > end:
                raise TimeoutError(f'no {what} in {limit_s:.0f} s')
            self._executor.spin_once(timeout_sec=0.1)

    def is_critic_trained(self) -> bool:
        """Say whether a learner trains the critic, the heavier half of its work."""
        return self._learner.phase == 'critic'

    def forget_learner(self) -> None:
        """Forget the last learner's status, before a new learner starts."""
        self._learner = LearnerStatus()

    def _play(self, version: int) -> None:
        self.wait(self._client.server_is_ready, 'policy node')
        self._count += 1
        goal = RunEpisode.Goal(
            episode_id=f'latency-{self._count:04d}',
            purpose=Purpose.PRACTICE,
            optimise=True,
            seed=self._count,
            max_steps=STEPS,
            policy_version=version,
        )
        sent = self._client.send_goal_async(goal, feedback_callback=self._on_feedback)
        self.wait(sent.done, 'answer of the policy node')
        answer = sent.result().get_result_async()
        self.wait(answer.done, 'end of the episode')
        if answer.result().result.reason:
            print(f'  episode aborted: {answer.result().result.reason}', file=sys.stderr)

    def _updates(self) -> int:
        return self._learner.policy_steps + self._learner.critic_steps

    def _on_feedback(self, message: RunEpisode.Impl.FeedbackMessage) -> None:
        self._now.decision_ms.append(message.feedback.decision_ms)

    def _on_image(self, message: Image) -> None:
        self._seen_at.setdefault(seconds(message.header.stamp), time.perf_counter())

    def _on_target(self, message: EndEffectorTarget) -> None:
        stamp_s = seconds(message.header.stamp)
        # Stamps travel through a float in the policy node.
        for frame_s, seen_at in self._seen_at.items():
            if abs(frame_s - stamp_s) < 1e-3:
                self._now.frame_to_target_ms.append((time.perf_counter() - seen_at) * 1e3)
                self._seen_at.clear()
                return

    def _on_learner(self, message: LearnerStatus) -> None:
        self._learner = message


def random_episode(index: int) -> Episode:
    """Make a demonstration of the right shape; its content does not matter here."""
    random = np.random.default_rng(index)
    ends = np.arange(STEPS) == STEPS - 1
    actions = random.uniform(-1.0, 1.0, (STEPS, 7))
    return Episode(
        episode_id=f'demonstrations-{index:04d}',
        purpose=Purpose.DEMONSTRATION,
        outcome=Outcome.SUCCESS,
        observation_names=NAMES,
        observations=random.normal(size=(STEPS + 1, len(NAMES))),
        actions=actions,
        proposed_actions=actions,
        rewards=np.where(ends, 0.0, -1.0),
        terminated=ends,
        truncated=np.zeros(STEPS, dtype=bool),
        stamps_s=0.2 * np.arange(STEPS + 1),
        verdicts=np.ones(STEPS + 1),
        policy_versions=[''] * (STEPS + 1),
    )


@contextlib.contextmanager
def running(words: list[str], log: Path) -> Iterator[subprocess.Popen]:
    """Run a command during the block, with its output in a log file; yield its process."""
    with log.open('w', encoding='utf-8') as file:
        process = subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10.0)
            process.kill()  # a learner would first finish its unit of work
            process.wait()


def learner_command(config: ExperimentConfig, folder: Path) -> list[str]:
    """Return the command of a learner that trains the critic for long, and store its episodes."""
    learning = replace(config.learning, imitation_steps=50, offline_critic_steps=10**6)
    endless = replace(config, demonstrations=20, learning=learning)
    folder.mkdir()
    store = ArtifactStore(folder / 'artifacts')
    for index in range(endless.demonstrations):
        store.put('episode', index, episode_to_bytes(random_episode(index)), 'mcap')
    path = folder / 'experiment.yaml'
    path.write_text(yaml.safe_dump(json.loads(json.dumps(to_mapping(endless)))), encoding='utf-8')
    return [
        *(
            sys.executable,
            '-m',
            'parl_learner.ros.learner_node',
            '--ros-args',
            '-r',
            '__ns:=/wx250s',
        ),
        *('-p', f'data_folder:={folder}', '-p', f'experiment_file:={path}'),
    ]


def table_row(name: str, learner: str, result: Measurement) -> str:
    """Return one line of the table."""
    cells = [name, learner, str(len(result.decision_ms))]
    for values in (result.decision_ms, result.frame_to_target_ms):
        cells += [f'{value:.1f}' for value in np.percentile(values or [np.nan], [50, 99])]
    updates = f'{result.updates_per_s:.1f}' if learner == 'trains' else '-'
    return f'| {" | ".join([*cells, updates])} |'


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--episodes', type=at_least_1, default=5, help='counted episodes per row')
    episodes = parser.parse_args().episodes
    experiment, numbers = load_experiment(EXPERIMENT), ActionOptimisationConfig()
    learning = replace(experiment.learning, optimisation=numbers)
    large = replace(learning, critic=CriticConfig(members=10, hidden=(512, 512, 512)))
    coarse = replace(large, optimisation=replace(numbers, precision='bfloat16'))
    rclpy.init()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = ArtifactStore(folder / 'station/artifacts')
        settings = {
            'demo: 4 critics of 256x2': replace(experiment, learning=learning),
            'paper: 10 critics of 512x3': replace(experiment, learning=large),
        }
        if not slow_because('bfloat16'):
            settings['the same, bfloat16'] = replace(experiment, learning=coarse)
        rows = []
        for version, config in enumerate(settings.values(), start=1):
            loop = LearningLoop(config.learning, NAMES, seed=0)
            loop.counters.version = version
            for kind, content in loop.version_files().items():
                store.put(kind, version, content, 'safetensors')
        station = [sys.executable, '-m', 'parl_launch.run', 'widowx_bringup', 'sim.launch.yaml']
        with running([*station, f'data_folder:={folder / "station"}'], folder / 'station.log'):
            bench = Bench()
            for version, (label, config) in enumerate(settings.items(), start=1):
                rows.append(table_row(label, 'rests', bench.measure(version, episodes)))
                command = learner_command(config, folder / f'learner{version}')
                bench.forget_learner()
                with running(command, folder / 'learner.log'):
                    bench.wait(bench.is_critic_trained, 'learner at work')
                    rows.append(table_row(label, 'trains', bench.measure(version, episodes)))
        rclpy.try_shutdown()
    print(
        f'Decision latency at k={numbers.samples}, m={numbers.particles}, '
        f'T={numbers.gradient_steps}; aim: p99 below {AIM_MS:.0f} ms. '
        f'{platform.processor() or platform.machine()}, {os.cpu_count()} cores, '
        f'load {os.getloadavg()[0]:.1f}.\n\n'
        '| networks | learner | steps | decision p50 [ms] | p99 | frame to target p50 [ms] | p99 '
        '| updates/s |\n|---|---|---|---|---|---|---|---|'
    )
    print('\n'.join(rows))


if __name__ == '__main__':
    main()
