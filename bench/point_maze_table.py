# SPDX-License-Identifier: Apache-2.0
"""Stitched PointMaze: what ranking (global) and climbing (local) add to imitation, over seeds.

The rows of global and local optimisation train the same policy class on the same walks with the
same budget; only the action optimisation differs, in backups, practice and evaluation alike. The
imitation row is the policy of the row *both* before practice, acting without a critic. Filtered
imitation has no critic at all; Gaussian Cal-QL has the tanh-Gaussian actor of SAC, with as many
updates, and no imitation before.
"""

import argparse
from collections.abc import Mapping, Sequence
import json
from pathlib import Path
import sys

from table_cells import at_least_1, Cell, run_cells
import torch

from parl_learner.binomial_interval import wilson_interval
from parl_learner.offline.d4rl_data import write_d4rl
from parl_learner.offline.point_maze_data import CONFIG, make_walks
from parl_learner.offline.train import checked_data
from parl_learner.offline.training_files import installed_methods, load_training
from parl_learner.offline.training_run import TrainingRun

FOLDER = Path('runs/point_maze_table')
WALKS = 400
VARIANTS: dict[str, tuple[str, ...]] = {
    'global': ('learning.optimisation.gradient_steps=0',),
    'local': (
        'learning.optimisation.samples=1',
        'learning.optimisation.particles=1',
        'learning.distil_data_action=false',  # it would be all that is taught
    ),
    'both': (),
    'both_bfloat16': ('learning.optimisation.precision=bfloat16',),
    'filtered_imitation': ('learning.method=filtered_imitation',),
    'gaussian_cal_ql': ('learning.policy.hidden=[128, 128]',),
}
"""Changes of each; a variant with the name of a method of `parl-train` is that method."""
ROWS = (
    ('imitation', 'both', 'policy', 'first'),
    ('+ global, pre-trained', 'global', 'optimised', 'first'),
    ('+ local, pre-trained', 'local', 'optimised', 'first'),
    ('+ both, pre-trained', 'both', 'optimised', 'first'),
    ('+ global, after practice', 'global', 'optimised', 'last'),
    ('+ local, after practice', 'local', 'optimised', 'last'),
    ('+ both, after practice', 'both', 'optimised', 'last'),
    ('+ both, after practice, policy alone', 'both', 'policy', 'last'),
    ('+ both, bfloat16, pre-trained', 'both_bfloat16', 'optimised', 'first'),
    ('+ both, bfloat16, after practice', 'both_bfloat16', 'optimised', 'last'),
    ('filtered imitation, after practice', 'filtered_imitation', 'policy', 'last'),
    ('Gaussian Cal-QL, pre-trained', 'gaussian_cal_ql', 'policy', 'first'),
    ('Gaussian Cal-QL, after practice', 'gaussian_cal_ql', 'policy', 'last'),
)


def run_one(variant: str, seed: int, folder: Path) -> None:
    """Train one cell and print its result as JSON on the last line; continues in its folder."""
    torch.set_num_threads(1)
    method = variant if variant in installed_methods() else ''
    config = load_training(CONFIG, [f'seed={seed}', *VARIANTS[variant]], method)
    assert config.environment is not None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / config.dataset.file
    if not path.exists():
        write_d4rl(path, make_walks(config.environment, WALKS, seed))
    data = checked_data(config, folder)

    def say(text: str) -> None:
        print(f'{variant} seed {seed}: {text}', file=sys.stderr, flush=True)

    result = TrainingRun(config, data, folder / 'run', say).run()
    last = max(e.round for e in result.evaluations)
    scores = {
        f'{when} {e.actor}': e.scores
        for e in result.evaluations
        for when, index in (('first', 0), ('last', last))
        if e.round == index
    }
    print(json.dumps({'scores': scores, 'cpu': result.cpu_seconds}), flush=True)


def table(cells: Mapping[Cell, dict], seeds: Sequence[int]) -> str:
    """The result as a Markdown table."""
    lines = [
        '| policy | ' + ' | '.join(f'seed {s}' for s in seeds) + ' | mean | 95 % interval |',
        '|---' * (len(seeds) + 3) + '|',
    ]
    for label, variant, actor, when in ROWS:
        results = [cells[variant, s]['scores'][f'{when} {actor}'] for s in seeds]
        solved = [sum(score == 100.0 for score in scores) for scores in results]
        episodes = sum(len(scores) for scores in results)
        low, high = wilson_interval(sum(solved), episodes)
        shown = ' | '.join(f'{n}/{len(r)}' for n, r in zip(solved, results, strict=True))
        lines.append(
            f'| {label} | {shown} | {sum(solved) / episodes:.0%} | {low:.0%} … {high:.0%} |'
        )
    cpu = [cell['cpu'] for cell in cells.values()]
    lines.append(f'\nA cell took {min(cpu):.0f} … {max(cpu):.0f} s of one core.')
    return '\n'.join(lines)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seeds', type=at_least_1, default=5)
    parser.add_argument('--workers', type=at_least_1, default=2, help='cells at a time')
    parser.add_argument('--folder', type=Path, default=FOLDER, help='continued when run again')
    parser.add_argument('--one', choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument('--seed', type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        run_one(given.one, given.seed, given.folder / f'{given.one}-{given.seed}')
        return
    seeds = range(given.seeds)
    cells = [(variant, seed) for seed in seeds for variant in VARIANTS]
    arguments = ['--folder', str(given.folder)]
    print(table(run_cells(__file__, cells, given.folder, given.workers, arguments), seeds))


if __name__ == '__main__':
    main()
