# SPDX-License-Identifier: Apache-2.0
"""`parl-train`: offline data and any Gymnasium environment, without ROS."""

import argparse
from collections.abc import Sequence
import os
from pathlib import Path
import sys

import torch

from parl_learner.checkpoint import CheckpointError
from parl_learner.offline.dataset import to_trajectories
from parl_learner.offline.dataset_check import DatasetError
from parl_learner.offline.dataset_table import table
from parl_learner.offline.hdf5_data import DatasetFileError
from parl_learner.offline.recording_check import layout, not_finite
from parl_learner.offline.tfrecord import TFRecordError
from parl_learner.offline.training_config import installed_configs, load_training, TrainingConfig
from parl_learner.offline.training_result import MARKDOWN_HEADER, markdown_row
from parl_learner.offline.training_run import TrainingRun
from parl_learner.offline.trajectory import Trajectory
from parl_policy.config_file import ConfigError
from parl_policy.episode_file import EpisodeFileError
from parl_policy.float32_product import choose_float32_product

_EXPECTED = (
    CheckpointError,
    ConfigError,
    DatasetError,
    DatasetFileError,
    EpisodeFileError,
    TFRecordError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the data, then train unless only the check was asked for; returns the exit status."""
    parser = argparse.ArgumentParser(prog='parl-train', description=__doc__)
    parser.add_argument('config', help=f'a YAML file, or one of: {", ".join(installed_configs())}')
    parser.add_argument(
        '--data',
        type=Path,
        default=Path(os.environ.get('PARL_DATA', '.')),
        help='folder of offline data; default: PARL_DATA, or here',
    )
    parser.add_argument('--out', type=Path, help='folder of the run; an earlier run continues')
    parser.add_argument('--check', action='store_true', help='check the data and stop')
    parser.add_argument(
        '--set', action='append', default=[], metavar='KEY=VALUE', help='change a setting'
    )
    parser.add_argument(
        '--threads', type=int, default=1, help='of torch; more than 1 only on idle cores'
    )
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    choose_float32_product()
    try:
        config = load_training(given.config, given.set)
        data = checked_data(config, given.data)
        if not given.check:
            folder = given.out or Path('runs') / f'{config.name}-{config.seed}'
            result = TrainingRun(config, data, folder, _say).run()
            print(f'{MARKDOWN_HEADER}\n{markdown_row(result)}')
            print(f'kept in {folder}')
    except _EXPECTED as error:
        print(f'parl-train: {error}', file=sys.stderr)
        return 1
    return 0


def checked_data(config: TrainingConfig, folder: Path) -> list[Trajectory]:
    """Read the data, print what it is, and refuse it if it breaks a convention.

    Raises:
        DatasetError: Lists all that is wrong, each with a remedy.
        DatasetFileError, TFRecordError, EpisodeFileError: It cannot be read.
    """
    episodes = config.dataset.read(folder)
    if not (layout(episodes) or not_finite(episodes)):
        for name, value in table(episodes, config.check):
            print(f'{name:>20}  {value}')
    findings = config.check.findings(episodes)
    if findings:
        raise DatasetError(findings)
    print('the data fits the configuration')
    return to_trajectories(episodes, config.reward, config.dataset.action_scale)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == '__main__':
    sys.exit(main())
