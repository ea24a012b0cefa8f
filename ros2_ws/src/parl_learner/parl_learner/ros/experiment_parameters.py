# SPDX-License-Identifier: Apache-2.0
"""The experiment as the parameters of a node name it."""

import shlex

from rclpy.node import Node

from parl_learner.plan.experiment_config import ExperimentConfig, load_experiment
from parl_node.path_parameter import path_parameter


def experiment_parameters(node: Node) -> ExperimentConfig:
    """Declare `experiment_file` and `settings`, and read the experiment.

    `settings` are key=value words that take the place of what the file says, such as
    `learning.optimisation.samples=16`; a value with spaces stands in quotes.

    Raises:
        ConfigError: The file or a setting cannot be used.
    """
    settings = str(node.declare_parameter('settings', '').value)
    return load_experiment(path_parameter(node, 'experiment_file'), shlex.split(settings))
