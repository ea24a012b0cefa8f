# SPDX-License-Identifier: Apache-2.0
"""The command line of programs that make the data set of a configuration."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from parl_files.durable_file import make_folder
from parl_files.error import ParlError
from parl_learner.offline.data.d4rl import write_d4rl
from parl_learner.offline.run.training_config import TrainingConfig
from parl_learner.offline.run.training_files import load_training
from parl_learner.offline.run.whole_number import at_least_0, at_least_1

Make = Callable[[TrainingConfig, Path, int, int], dict[str, np.ndarray]]
"""From configuration, data folder, number of episodes and seed to D4RL's flat arrays."""


def make_data(
    description: str | None,
    configuration: str,
    episodes: str,
    default: int,
    make: Make,
    arguments: Sequence[str] | None = None,
) -> None:
    """Write the file that a configuration names; if that fails, end the program with one line.

    Args:
        description: Description of the program.
        configuration: Name of an installed configuration.
        episodes: Word for the episodes, and name of the option with their number.
        default: Number of episodes without that option.
        make: Makes the data.
        arguments: Arguments of the program; None for those of the process.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('folder', type=Path, help='data folder')
    parser.add_argument(f'--{episodes}', dest='count', type=at_least_1, default=default)
    parser.add_argument('--seed', type=at_least_0, default=0)
    given = parser.parse_args(arguments)
    config = load_training(configuration)
    path = given.folder / config.dataset.file
    try:
        make_folder(given.folder)
        write_d4rl(path, make(config, given.folder, given.count, given.seed))
    except ParlError as error:
        parser.error(str(error))
    print(f'{given.count} {episodes} in {path}')
