# SPDX-License-Identifier: Apache-2.0
"""Compares experiment files over several seeds: by default PA-RL and filtered imitation.

Demonstrations and starts of a seed are the same for all files. It runs without ROS
(`in_process/experiment.py`), with the same schedule, learner, detector, limits and physics.
"""

import argparse
from collections.abc import Mapping, Sequence
import dataclasses
import json
from pathlib import Path
import shlex
import sys
import tempfile

from in_process.experiment import PhaseResult, run_in_process
from table_cells import Cell, run_cells
import torch

from parl_files.config_file import ConfigError
from parl_files.error import ParlError
from parl_files.yaml_file import load_yaml
from parl_learner.offline.run.whole_number import at_least_1
from parl_learner.plan.experiment_config import ExperimentConfig, load_experiment
from parl_learner.plan.schedule import Phase
from parl_learner.report.binomial_interval import wilson_interval
from parl_policy.compute.device import choose_float32_product, use_device
from widowx_sim.scripted_expert import ExpertConfig

CONFIG = Path(__file__).parents[1] / 'ros2_ws/src/widowx_bringup/config'
FOLDER = Path('runs/success_over_seeds')
DEFAULT = ('cup_to_rack', 'baselines/filtered_imitation')
PHASES = {
    Phase.IMITATION: 'before practice, policy alone',
    Phase.PRETRAINED: 'before practice, with its critic',
    Phase.DISTILLED: 'after practice, policy alone',
    Phase.FINE_TUNED: 'after practice, with its critic',
}


def load_named(name: str) -> ExperimentConfig:
    """Read a file of config/experiments, with the key=value words that follow its name.

    Raises:
        ConfigError: The file does not exist, or the file or a setting cannot be used.
    """
    file, *settings = shlex.split(name)
    return load_experiment(CONFIG / f'experiments/{file}.yaml', settings)


def run_one(name: str, seed: int, device: str) -> None:
    """Run one experiment and print its phases as JSON on the last line."""
    torch.set_num_threads(1)
    choose_float32_product()
    use_device(device)
    config = dataclasses.replace(load_named(name), seed=seed)
    noise = load_yaml(CONFIG / 'demonstrator.yaml')['/**/demonstrator']['ros__parameters']
    with tempfile.TemporaryDirectory() as folder:
        results = run_in_process(
            config,
            CONFIG / 'tasks',
            ExpertConfig(**noise),
            Path(folder),
            lambda text: print(f'{name} seed {seed}: {text}', file=sys.stderr, flush=True),
        )
    phases = {name: dataclasses.asdict(result) for name, result in results.items()}
    print(json.dumps({'phases': phases}), flush=True)


def table(runs: Mapping[Cell, dict], names: Sequence[str], seeds: Sequence[int]) -> str:
    """Return a Markdown table: one row for each file and evaluation, with the gain by practice.

    `wrong` episodes lifted another object than the task's.
    """
    lines = [
        '| experiment | evaluated | '
        + ' | '.join(f'seed {s}' for s in seeds)
        + ' | mean | 95 % interval | gain over the first row, points: mean, worst, best |',
        '|---' * (len(seeds) + 5) + '|',
    ]
    for name in names:
        rates: dict[str, list[float]] = {}
        for phase, label in PHASES.items():
            if phase not in runs[name, seeds[0]]['phases']:
                continue
            results = [PhaseResult(**runs[name, s]['phases'][phase]) for s in seeds]
            rates[phase] = [100.0 * r.successes / r.episodes for r in results]
            low, high = wilson_interval(
                sum(r.successes for r in results), sum(r.episodes for r in results)
            )
            cells = ' | '.join(_cell(r) for r in results)
            gain = '–'
            if phase != Phase.IMITATION and Phase.IMITATION in rates:
                gains = [b - a for a, b in zip(rates[Phase.IMITATION], rates[phase], strict=True)]
                mean = sum(gains) / len(gains)
                gain = f'{mean:+.0f}, {min(gains):+.0f}, {max(gains):+.0f}'
            lines.append(
                f'| `{name}` | {label} | {cells} | {sum(rates[phase]) / len(seeds):.0f} % '
                f'| {low:.0%} … {high:.0%} | {gain} |'
            )
    return '\n'.join(lines)


def _cell(result: PhaseResult) -> str:
    wrong = f', {result.wrong_grasps} wrong' if result.wrong_grasps else ''
    return f'{result.successes}/{result.episodes}{wrong}'


def main() -> None:
    """Run the cells that are missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'experiments',
        nargs='*',
        default=DEFAULT,
        help="files in config/experiments, with settings: 'cup_to_rack learning.discount=0.98'",
    )
    parser.add_argument('--seeds', type=at_least_1, default=5)
    parser.add_argument('--workers', type=at_least_1, default=2)
    parser.add_argument(
        '--folder', type=Path, default=FOLDER, help='what it holds is not repeated'
    )
    parser.add_argument(
        '--device', choices=['cpu', 'cuda'], default='cpu', help='where policies learn and act'
    )
    parser.add_argument('--one', help=argparse.SUPPRESS)
    parser.add_argument('--seed', type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        run_one(arguments.one, arguments.seed, arguments.device)
        return
    names, seeds = arguments.experiments, range(arguments.seeds)
    for name in names:
        try:
            load_named(name)
        except ConfigError as error:
            parser.error(f'experiment {name!r}: {error}')
    cells = [(name, seed) for seed in seeds for name in names]
    try:
        device = ['--device', arguments.device]
        runs = run_cells(__file__, cells, arguments.folder, arguments.workers, device)
    except ParlError as error:
        parser.error(str(error))
    print(table(runs, names, seeds))


if __name__ == '__main__':
    main()
