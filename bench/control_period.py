# SPDX-License-Identifier: Apache-2.0
"""Measures how regular control steps are in real time, over many short episodes.

The station's nodes run as `sim.launch.yaml` starts them, at `pacing:=realtime`. The policy and its
critic have the demo's sizes and are untrained, which takes the same time. A period is the wall
time from one `executed_target` to the next of the same episode, measured when they arrive here, so
it includes the jitter of this process and of the transport.
"""

import argparse
from collections.abc import Callable
import itertools
import os
from pathlib import Path
import platform
import sys
import tempfile
import time

from decision_latency import EXPERIMENT, NAMES, running
import numpy as np
import rclpy
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor

from parl_files.artifact_store import ArtifactStore
from parl_files.episode import Purpose
from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.offline.run.whole_number import at_least_1
from parl_learner.plan.experiment_config import load_experiment
from parl_msgs.action import RunEpisode
from parl_msgs.msg import EndEffectorTarget

PERIOD_MS = 200.0
AIM_MS = 20.0
LIMIT_S = 120.0


class Bench:
    """Asks for episodes and records when targets were executed."""

    def __init__(self) -> None:
        """Join the station's namespace."""
        self._node = rclpy.create_node('bench', namespace='/wx250s')
        self._arrivals_s: dict[str, list[float]] = {}
        self._node.create_subscription(EndEffectorTarget, 'executed_target', self._on_executed, 10)
        self._client = ActionClient(self._node, RunEpisode, 'run_episode')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)

    def play(self, index: int, steps: int) -> str:
        """Play an episode and return why it was aborted; empty if it was not.

        Raises:
            TimeoutError: The policy node does not answer.
        """
        self._wait(self._client.server_is_ready)
        goal = RunEpisode.Goal(
            episode_id=f'period-{index:04d}',
            purpose=Purpose.PRACTICE,
            optimise=True,
            seed=index,
            max_steps=steps,
        )
        sent = self._client.send_goal_async(goal)
        self._wait(sent.done)
        answer = sent.result().get_result_async()
        self._wait(answer.done)
        reason: str = answer.result().result.reason
        return reason

    def periods_ms(self) -> np.ndarray:
        """Return the wall times between steps of all episodes so far (P,) [ms]."""
        pairs = (itertools.pairwise(arrivals) for arrivals in self._arrivals_s.values())
        return 1e3 * np.array([later - earlier for earlier, later in itertools.chain(*pairs)])

    def _wait(self, is_done: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT_S
        while not is_done():
            if time.monotonic() > end:
                raise TimeoutError(f'the policy node did not answer in {LIMIT_S:.0f} s')
            self._executor.spin_once(timeout_sec=0.1)

    def _on_executed(self, message: EndEffectorTarget) -> None:
        self._arrivals_s.setdefault(message.episode_id, []).append(time.perf_counter())


def table(episodes: int, aborted: int, periods_ms: np.ndarray, load: float) -> str:
    """Return the result as Markdown."""
    errors = np.abs(periods_ms - PERIOD_MS)
    p50, p99 = np.percentile(errors, [50, 99])
    return (
        f'{platform.processor() or platform.machine()}, {os.cpu_count()} cores, '
        f'mean load {load:.1f}; aim: p99 of the error below {AIM_MS:.0f} ms.\n\n'
        '| episodes | aborted | periods | mean [ms] | error p50 [ms] | p99 | largest |\n'
        '|---|---|---|---|---|---|---|\n'
        f'| {episodes} | {aborted} | {periods_ms.size} | {periods_ms.mean():.1f} | {p50:.1f} | '
        f'{p99:.1f} | {errors.max():.1f} |'
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--episodes', type=at_least_1, default=100)
    parser.add_argument('--steps', type=at_least_1, default=10, help='control steps of an episode')
    parser.add_argument('--delay', type=float, default=0.08, help='of targets [s]')
    given = parser.parse_args()
    rclpy.init()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = ArtifactStore(folder / 'station/artifacts')
        loop = LearningLoop(load_experiment(EXPERIMENT).learning, NAMES, seed=0)
        for kind, content in loop.version_files().items():
            store.put(kind, 1, content, 'safetensors')
        station = [sys.executable, '-m', 'parl_launch.run', 'widowx_bringup', 'sim.launch.yaml']
        station += ['pacing:=realtime', f'target_delay:={given.delay}']
        station += [f'data_folder:={folder / "station"}']
        with running(station, folder / 'station.log'):
            bench, loads, aborted = Bench(), [], 0
            for index in range(given.episodes):
                reason = bench.play(index, given.steps)
                aborted += bool(reason)
                if reason:
                    print(f'  episode {index} aborted: {reason}', file=sys.stderr)
                loads.append(os.getloadavg()[0])
        rclpy.try_shutdown()
    periods_ms = bench.periods_ms()
    if not periods_ms.size:
        sys.exit('control_period: no episode had two executed steps; the lines above say why')
    print(table(given.episodes, aborted, periods_ms, float(np.mean(loads))))


if __name__ == '__main__':
    main()
