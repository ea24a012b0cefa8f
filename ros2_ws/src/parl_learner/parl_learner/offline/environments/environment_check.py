# SPDX-License-Identifier: Apache-2.0
"""The check of a run's environment before learning, so that errors do not come days later."""

from parl_files.config_file import ConfigError
from parl_learner.offline.data.trajectory import Trajectory
from parl_learner.offline.environments.environment import EnvironmentConfig


def check_environment(config: EnvironmentConfig, example: Trajectory) -> None:
    """Begin an episode in the environment and compare it with the data.

    Args:
        config: The environment to open.
        example: A trajectory of the data.

    Raises:
        ConfigError: The environment cannot be opened or reset, or its observations or actions
            have other widths than the data.
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
                f'{expected[0]}; set the section environment to the one of the data'
            )
