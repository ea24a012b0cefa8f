# SPDX-License-Identifier: Apache-2.0
"""Opens a run's environment before anything is learned: what fails there would fail days later."""

from parl_files.config_file import ConfigError
from parl_learner.offline.data.trajectory import Trajectory
from parl_learner.offline.environments.environment import EnvironmentConfig


def check_environment(config: EnvironmentConfig, example: Trajectory) -> None:
    """Begin an episode in the environment and compare it with the data.

    Args:
        config: The environment.
        example: Any trajectory of the data.

    Raises:
        ConfigError: It cannot be opened or begun, or its observations or actions have other
            widths.
    """
    try:
        environment = config.make()
        try:
            options = dict(config.reset_options) or None
            observation, _ = environment.reset(seed=0, options=options)
            space = environment.action_space
            found = {'observations': observation.shape, 'actions': space.shape}
        finally:
            environment.close()
    except ConfigError:
        raise
    except Exception as error:  # an environment is foreign code and may raise anything
        raise config.fault(error) from error
    for name, shape in found.items():
        expected = getattr(example, name).shape[1:]
        if shape != expected:
            raise ConfigError(
                f'{name} of environment {config.id!r} are {shape[0]} wide, those of the data '
                f'{expected[0]}; let the section environment describe the one the data is of'
            )
