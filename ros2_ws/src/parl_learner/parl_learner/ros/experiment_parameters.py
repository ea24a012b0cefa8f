# SPDX-License-Identifier: Apache-2.0
"""The experiment that the parameters of a node name."""

import shlex

from rclpy.node import Node

from parl_learner.plan.experiment_config import ExperimentConfig, load_experiment
from parl_node.path_parameter import path_parameter


def experiment_parameters(node: Node) -> ExperimentConfig:
    """Declare `experiment_file` and `settings`, and read the experiment.

    `settings` are key=value words that replace values of the file, such as
    `learning.optimisation.samples=16`. Put a value with spaces in quotes.

    Raises:
        ConfigError: The file or a setting cannot be used.
    """
    settings = str(node.declare_parameter('settings', '').value)
    return load_experiment(path_parameter(node, 'experiment_file'), shlex.split(settings))
