# SPDX-License-Identifier: Apache-2.0
"""Plays episodes of a policy version and prints their outcomes."""

from dataclasses import dataclass
import signal
import time

from rclpy.node import Node
from rclpy.signals import uninstall_signal_handlers

from parl_files.config_file import ConfigError, SharedSection
from parl_files.episode import Outcome, Purpose
from parl_files.task_file import read_task
from parl_msgs.action import RunEpisode
from parl_node.camera_parameter import camera_parameter
from parl_node.episode_client import EpisodeClient, EpisodeClientError
from parl_node.outcome_codes import outcome_of
from parl_node.path_parameter import path_parameter
from parl_node.run_node import node_process


@dataclass(frozen=True, kw_only=True)
class PlayedTask(SharedSection):
    """The values that this node needs from a task file."""

    horizon: int
    """Control steps before a time-out."""

    def __post_init__(self) -> None:
        if self.horizon < 1:
            raise ValueError(f'horizon must be 1 or more: {self.horizon}')


class PlayNode(Node):
    """Plays evaluation episodes: stored with their film, and never used for training."""

    FREE_S = 10.0
    """Wall time to wait for a policy node that plays nothing [s]."""

    def __init__(self, **node_options: object) -> None:
        """Read the parameters; `play` does the work.

        Args:
            node_options: Options of `rclpy.node.Node`.

        Raises:
            ConfigError: The task file or a parameter cannot be used.
        """
        super().__init__('play', **node_options)
        path = path_parameter(self, 'task_file')
        self._horizon = read_task(PlayedTask, path).horizon
        self._episodes = self._whole_number('episodes', 1, least=1)
        self._seed = self._whole_number('seed', 0, least=0)
        self._version = self._whole_number('version', -1, least=-1)
        self._optimise = bool(self.declare_parameter('optimise', False).value)
        self._pictures = camera_parameter(self)
        self.client = EpisodeClient(self)

    def play(self) -> None:
        """Play all episodes; print each outcome, and at the end how many succeeded.

        Raises:
            EpisodeClientError: No policy node plays them.
        """
        self._wait_until_free()
        successes = played = 0
        for seed in range(self._seed, self._seed + self._episodes):
            if self.client.is_cancelled:
                break
            goal = RunEpisode.Goal(
                episode_id=time.strftime(f'play-%Y%m%d-%H%M%S-{seed}'),
                purpose=Purpose.EVALUATION,
                optimise=self._optimise,
                seed=seed,
                max_steps=self._horizon,
                policy_version=self._version,
                pictures=self._pictures,
            )
            result = self.client.play(goal)
            outcome = outcome_of(result.outcome) or Outcome.ABORTED
            played += outcome.is_played
            successes += result.success
            why = f': {result.reason}' if result.reason else ''
            print(f'seed {seed}: {outcome} after {result.steps} steps{why}', flush=True)
        rate = f' ({successes / played:.0%})' if played else ''
        print(f'successes: {successes} of {played}{rate}', flush=True)

    def _wait_until_free(self) -> None:
        end = time.monotonic() + self.FREE_S
        while not self.client.is_free:
            self.client.spin_for(0.1)
            if time.monotonic() > end:
                raise EpisodeClientError(
                    'another episode is running; end it first'
                    if self.client.is_there
                    else 'no policy node; are namespace and ROS_DOMAIN_ID those of the station?'
                )

    def _whole_number(self, name: str, default: int, least: int) -> int:
        value = self.declare_parameter(name, default).value
        if value < least:
            raise ConfigError(f'parameter {name} is {value}, expected {least} or more')
        return int(value)


def main() -> None:
    """Play; the first Ctrl-C cancels the episode and waits for its end, a second one does not."""
    with node_process('play'):
        node = PlayNode()

        def cancel(number: int, _: object) -> None:
            node.client.is_cancelled = True
            signal.signal(number, signal.default_int_handler)

        # rclpy's own handler would shut down the context that the cancellation needs.
        uninstall_signal_handlers()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, cancel)
        node.play()
        node.destroy_node()


if __name__ == '__main__':
    main()
