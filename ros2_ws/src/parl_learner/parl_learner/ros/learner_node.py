# SPDX-License-Identifier: Apache-2.0
"""The learner node: a worker thread learns, the executor thread communicates."""

import json
import math
import os
import threading
import time
import traceback

import torch

from parl_files.durable_file import DurableWriteError
from parl_files.error import ParlError
from parl_learner.loop.learner import Learner
from parl_learner.ros.experiment_parameters import experiment_parameters
from parl_learner.ros.message_conversion import to_status
from parl_msgs.msg import LearnerStatus
from parl_node.artifact_node import ArtifactNode
from parl_node.run_node import node_process, spin
from parl_node.steady_timer import steady_timer
from parl_policy.compute.device import choose_float32_product, use_device
from parl_policy.compute.precision import check_precision


class LearnerNode(ArtifactNode):
    """Fetches episodes, learns, announces versions, and publishes its status once a second."""

    RETRY_S = 5.0
    """Pause before another attempt when the disk is full [s]."""

    def __init__(self, **node_options: object) -> None:
        """Start the worker thread. `node_options` are those of rclpy's Node.

        Raises:
            ConfigError: The experiment file or its policy class cannot be used.
        """
        super().__init__('learner', fetched_kinds=('episode',), **node_options)
        self._config = experiment_parameters(self)
        self._config.learning.check_policy()
        torch.set_num_threads(int(self.declare_parameter('threads', 1).value or 1))
        self._device = str(self.declare_parameter('device', 'auto').value)
        # On a machine shared with a robot, its decisions must not wait for a gradient step.
        self._niceness = int(self.declare_parameter('niceness', 10).value or 0)
        self._learner: Learner | None = None
        self._trouble = ''
        self._status = self.create_publisher(LearnerStatus, 'learner_status', 10)
        self._log = self.data_folder / 'learner.jsonl'
        self._stop = threading.Event()
        self._worker = threading.Thread(target=self._run, name='learning')
        # The wall clock, because simulated time stands still while no episode is played.
        steady_timer(self, 1.0, self._report)
        self.announce_stored('policy', 'critic')
        self._worker.start()

    def destroy_node(self) -> None:
        """Stop the worker after its current unit of work, then the node."""
        self._stop.set()
        self._worker.join()
        super().destroy_node()

    def _run(self) -> None:
        try:
            os.nice(self._niceness)  # of this thread, and of those that torch starts from it
            use_device(self._device)
            check_precision(self._config.learning.optimisation.precision)
            self._learner = Learner(
                self._config, self.store, self.announce, self.get_logger().error
            )
            while not self._stop.is_set():
                self._work(self._learner)
        except Exception as error:
            if not self.context.ok():
                return  # the node was stopped during a message; nothing is lost
            self._trouble = f'stopped: {error}'
            detail = '' if isinstance(error, ParlError) else f'\n{traceback.format_exc()}'
            self.get_logger().fatal(f'learning stopped: {error}{detail}')

    def _work(self, learner: Learner) -> None:
        try:
            if learner.take_in_episodes():
                learner.work()
            else:
                self._stop.wait(0.2)
            self._trouble = ''
        except DurableWriteError as error:
            self._trouble = f'waiting for disk space: {error}'
            self.get_logger().error(str(error))
            self._stop.wait(self.RETRY_S)

    def _report(self) -> None:
        status = to_status(self._learner, self._trouble)
        status.header.stamp = self.get_clock().now().to_msg()
        self._status.publish(status)
        if self._learner is not None and self._learner.busy:
            values = {
                name: getattr(status, name)
                for name in ('policy_loss', 'critic_loss', 'mean_q', 'mean_return')
            }
            known = {name: value for name, value in values.items() if math.isfinite(value)}
            line = {'seconds': time.time(), 'version': status.policy_version, **known}
            loop = self._learner.loop
            if loop is not None and loop.counters.distillation_spread > 0.0:
                line['distillation_spread'] = loop.counters.distillation_spread
                line['distillation_target'] = loop.method.distillation_target
                if loop.counters.changed_token_share is not None:
                    line['changed_token_share'] = loop.counters.changed_token_share
            try:
                with self._log.open('a', encoding='utf-8') as log:
                    log.write(json.dumps(line) + '\n')
            except OSError as error:
                self.get_logger().error(f'cannot write {self._log}: {error}')


def main() -> None:
    """Run the node until it is told to stop."""
    choose_float32_product()
    with node_process('learner'):
        spin(LearnerNode())


if __name__ == '__main__':
    main()
