# SPDX-License-Identifier: Apache-2.0
"""The check of a run's environment before learning, so that errors do not come days later."""

from collections.abc import Mapping

from parl_files.config_file import ConfigError
from parl_learner.offline.data.trajectory import Trajectory
from parl_learner.offline.environments.environment import EnvironmentConfig
from parl_policy.observations import ObservationNeeds


def check_environment(
    config: EnvironmentConfig, example: Trajectory, needs: Mapping[str, ObservationNeeds]
) -> list[str]:
    """Begin an episode in the environment, compare it with the data and with what is needed.

    Args:
        config: The environment to open.
        example: A trajectory of the data.
        needs: What policy and critic need besides numbers, by who needs it.

    Returns:
        What it lacks although one can practise in it.

    Raises:
        ConfigError: The environment cannot be opened or reset, its observations or actions have
            other widths than the data, or a camera that is seen is missing or too small.
    """
    try:
        environment = config.make()
        try:
            options = dict(config.reset_options) or None
            observation, _ = environment.reset(seed=0, options=options)
            space = environment.action_space
            found = {'observations': observation.numbers.shape, 'actions': space.shape}
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
    sizes = {camera: pixels.shape[:2] for camera, pixels in observation.pictures.items()}
    for who, each in needs.items():
        if why := each.misfit(sizes):
            raise ConfigError(f'in environment {config.id!r} the {who} {why}')
    readers = [who for who, each in needs.items() if each.instruction]
    if not readers or observation.instruction:
        return []
    return [
        f'environment {config.id!r} gives no instruction, but the {" and the ".join(readers)} '
        'reads it; give one in environment.instruction'
    ]
