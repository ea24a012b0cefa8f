# SPDX-License-Identifier: Apache-2.0
"""`parl-train`: learn from offline data and in any Gymnasium environment, without ROS."""

import argparse
from collections.abc import Sequence
import dataclasses
import os
from pathlib import Path
import sys

import torch

from parl_files.error import ParlError
from parl_learner.methods.method_files import METHOD_FILES
from parl_learner.offline.data.dataset import to_trajectories
from parl_learner.offline.data.dataset_check import DatasetError
from parl_learner.offline.data.dataset_table import table
from parl_learner.offline.data.observation_check import doubts
from parl_learner.offline.data.recording_check import layout, not_finite
from parl_learner.offline.data.trajectory import Trajectory
from parl_learner.offline.environments.environment_check import check_environment
from parl_learner.offline.run.training_config import TrainingConfig
from parl_learner.offline.run.training_files import (
    load_training,
    TASK_FILES,
)
from parl_learner.offline.run.training_result import MARKDOWN_HEADER, markdown_row
from parl_learner.offline.run.training_run import TrainingRun
from parl_learner.offline.run.whole_number import at_least_1
from parl_policy.compute.device import choose_float32_product, use_device
from parl_policy.compute.precision import check_precision

GIVE_UP = 2
"""Exit code of an error that is explained, as the nodes have it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the data, then train unless `--check` is given; return the exit status."""
    methods = sorted(METHOD_FILES)
    parser = argparse.ArgumentParser(prog='parl-train', description=__doc__)
    parser.add_argument('config', help=f'a YAML file, or one of: {", ".join(sorted(TASK_FILES))}')
    parser.add_argument(
        '--method',
        default='',
        help=f'instead of the one of the file: a YAML file, or one of: {", ".join(methods)}',
    )
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
        '--threads', type=at_least_1, default=1, help='of torch; more than 1 only on idle cores'
    )
    parser.add_argument(
        '--device', default='auto', help='cpu, cuda, or auto: cuda if there is one'
    )
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    choose_float32_product()
    try:
        use_device(given.device)
        config = load_training(given.config, given.set, given.method)
        config.learning.check_policy()
        if not given.check:
            check_precision(config.learning.optimisation.precision)
        data = checked_data(config, given.data)
        if not given.check:
            folder = given.out or Path('runs') / f'{config.name}-{config.seed}'
            result = TrainingRun(config, data, folder, _say).run()
            print(f'{MARKDOWN_HEADER}\n{markdown_row(result)}')
            print(f'kept in {folder}')
    except ParlError as error:
        print(f'parl-train: {error}', file=sys.stderr)
        return GIVE_UP
    return 0


def checked_data(config: TrainingConfig, folder: Path) -> list[Trajectory]:
    """Read the data, print a summary, and refuse it if it breaks a convention.

    The environment is reset once too, so that one that does not fit is refused before learning.
    Cameras that neither policy nor critic sees are left out.

    Raises:
        DatasetError: The data is faulty; the message lists all faults, each with a remedy.
        DatasetFileError, TFRecordError, EpisodeFileError, PictureError: The data cannot be read.
        ConfigError: The environment cannot be reset, or does not fit the data.
    """
    episodes = config.dataset.read(folder)
    if not (layout(episodes) or not_finite(episodes)):
        for name, value in table(episodes, config.check):
            print(f'{name:>20}  {value}')
    findings = config.check.findings(episodes)
    if findings:
        raise DatasetError(findings)
    notes = doubts(episodes, config.needs)
    trajectories = to_trajectories(episodes, config.reward, config.dataset.action_scale)
    if config.environment is not None:
        notes += check_environment(config.environment, trajectories[0], config.needs)
    for note in notes:
        print(f'note: {note}')
    print('the data fits the configuration')
    seen = {camera for each in config.needs.values() for camera in each.pictures}
    return [
        dataclasses.replace(t, films={c: film for c, film in t.films.items() if c in seen})
        for t in trajectories
    ]


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == '__main__':
    sys.exit(main())
