# SPDX-License-Identifier: Apache-2.0
"""Stitched PointMaze: what ranking (global) and climbing (local) add to imitation, over seeds.

Every row trains the same policy class on the same walks with the same budget; only the action
optimisation differs, in backups, practice and evaluation alike. The imitation row is the policy
of the last row before practice, acting without a critic.
"""

import argparse
from collections.abc import Sequence
import json
from pathlib import Path
import subprocess
import sys
import tempfile
import time

import torch

from parl_learner.binomial_interval import wilson_interval
from parl_learner.offline.hdf5_data import write_d4rl
from parl_learner.offline.point_maze_data import CONFIG, make_walks
from parl_learner.offline.train import checked_data
from parl_learner.offline.training_config import load_training
from parl_learner.offline.training_run import TrainingRun

WALKS = 400
VARIANTS: dict[str, tuple[str, ...]] = {
    'global': ('learning.optimisation.gradient_steps=0',),
    'local': ('learning.optimisation.samples=1', 'learning.optimisation.particles=1'),
    'both': (),
}
ROWS = (
    ('imitation', 'both', 'policy', 'first'),
    ('+ global, pre-trained', 'global', 'optimised', 'first'),
    ('+ local, pre-trained', 'local', 'optimised', 'first'),
    ('+ both, pre-trained', 'both', 'optimised', 'first'),
    ('+ global, after practice', 'global', 'optimised', 'last'),
    ('+ local, after practice', 'local', 'optimised', 'last'),
    ('+ both, after practice', 'both', 'optimised', 'last'),
)


def run_one(variant: str, seed: int, folder: Path) -> None:
    """Train one cell and print its result as JSON on the last line; continues in its folder."""
    torch.set_num_threads(1)
    config = load_training(CONFIG, [f'seed={seed}', *VARIANTS[variant]])
    assert config.environment is not None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / config.dataset.file
    if not path.exists():
        write_d4rl(path, make_walks(config.environment, WALKS, seed))
    data = checked_data(config, folder)

    def say(text: str) -> None:
        print(f'{variant} seed {seed}: {text}', file=sys.stderr, flush=True)

    result = TrainingRun(config, data, folder / variant, say).run()
    last = max(e.round for e in result.evaluations)
    scores = {
        f'{when} {e.actor}': e.scores
        for e in result.evaluations
        for when, index in (('first', 0), ('last', last))
        if e.round == index
    }
    line = {'variant': variant, 'seed': seed, 'scores': scores, 'cpu': result.cpu_seconds}
    print(json.dumps(line), flush=True)


def run_all(seeds: Sequence[int], folder: Path) -> list[dict]:
    """Run the cells one after the other, each in a process of its own; finished ones are kept."""
    log = folder / 'cells.jsonl'
    done = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    finished = {(cell['variant'], cell['seed']) for cell in done}
    waiting = [(v, s) for s in seeds for v in VARIANTS if (v, s) not in finished]
    started = time.monotonic()
    for index, (variant, seed) in enumerate(waiting):
        command = [sys.executable, __file__, '--one', variant, '--seed', str(seed)]
        command += ['--folder', str(folder)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        line = output.strip().splitlines()[-1]
        done.append(json.loads(line))
        with log.open('a', encoding='utf-8') as file:
            file.write(line + '\n')
        left = (time.monotonic() - started) / (index + 1) * (len(waiting) - index - 1)
        print(f'{index + 1}/{len(waiting)} cells, about {left / 60:.0f} min left', flush=True)
    return done


def table(cells: list[dict], seeds: Sequence[int]) -> str:
    """The result as a Markdown table; Gaussian Cal-QL waits for its configuration."""
    by_key = {(cell['variant'], cell['seed']): cell['scores'] for cell in cells}
    lines = [
        '| policy | ' + ' | '.join(f'seed {s}' for s in seeds) + ' | mean | 95 % interval |',
        '|---' * (len(seeds) + 3) + '|',
    ]
    for label, variant, actor, when in ROWS:
        results = [by_key[variant, s][f'{when} {actor}'] for s in seeds]
        solved = [sum(score == 100.0 for score in scores) for scores in results]
        episodes = sum(len(scores) for scores in results)
        low, high = wilson_interval(sum(solved), episodes)
        shown = ' | '.join(f'{n}/{len(r)}' for n, r in zip(solved, results, strict=True))
        lines.append(
            f'| {label} | {shown} | {sum(solved) / episodes:.0%} | {low:.0%} … {high:.0%} |'
        )
    lines.append('| Gaussian Cal-QL |' + ' not run |' * len(seeds) + ' – | – |')
    cpu = [cell['cpu'] for cell in cells]
    lines.append(f'\nA cell took {min(cpu):.0f} … {max(cpu):.0f} s of one core.')
    return '\n'.join(lines)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seeds', type=int, default=5)
    parser.add_argument('--folder', type=Path, help='kept, and continued from when run again')
    parser.add_argument('--one', choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument('--seed', type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        run_one(given.one, given.seed, given.folder / f'seed-{given.seed}')
        return
    seeds = range(given.seeds)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print(table(run_all(seeds, folder), seeds))


if __name__ == '__main__':
    main()
