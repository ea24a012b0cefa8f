# SPDX-License-Identifier: Apache-2.0
"""Makes three tables of stitched PointMaze over seeds, with equal walks and budget in all cells.

optimisation: what ranking (global) and climbing (local) add to imitation. Only the action
optimisation differs, in backups, practice and evaluation. The imitation row is the policy of the
row *both* before practice, which acts without a critic. Filtered imitation has no critic at all.
Gaussian Cal-QL has the tanh-Gaussian actor of SAC, with as many updates, and no imitation before.

classes: PA-RL with every policy class, and the baselines that `parl-train --method` knows.

ablations: one number or rule of PA-RL is changed. They are measured before practice, because after
it all of them would be near the maximum.
"""

import argparse
from collections.abc import Mapping, Sequence
import json
from pathlib import Path
import sys

from table_cells import Cell, run_cells
import torch

from parl_files.error import ParlError
from parl_learner.methods.method_files import METHOD_FILES
from parl_learner.offline.data.d4rl import write_d4rl
from parl_learner.offline.makers.point_maze import CONFIG, make_walks
from parl_learner.offline.run.train import checked_data
from parl_learner.offline.run.training_files import load_training
from parl_learner.offline.run.training_run import TrainingRun
from parl_learner.offline.run.whole_number import at_least_1
from parl_learner.report.binomial_interval import wilson_interval

FOLDER = Path('runs/point_maze_table')
WALKS = 400
CLIMB = 'learning.optimisation.gradient_steps'
NO_PRACTICE = 'practice_episodes=0'
VARIANTS: dict[str, tuple[str, ...]] = {
    'both': (),
    'global': (f'{CLIMB}=0',),
    'local': (
        'learning.optimisation.samples=1',
        'learning.optimisation.particles=1',
        'learning.distil_data_action=false',  # otherwise only the data action would be taught
    ),
    'both_bfloat16': ('learning.optimisation.precision=bfloat16',),
    'filtered_imitation': ('learning.method=filtered_imitation',),
    'gaussian_cal_ql': ('learning.policy.hidden=[128, 128]',),
    'flow': ('learning.policy_class=flow',),
    'gaussian': ('learning.policy_class=gaussian', 'learning.policy={hidden: [128, 128]}'),
    'autoregressive': (  # half as deep and wide as in the paper, as all networks here are small
        'learning.policy={layers: 2, hidden: 128, heads: 4}',
        'learning.policy_trainer=null',
    ),
    'idql': (),
    'diffusion_ql': (),
} | {
    name: (NO_PRACTICE, *changes)
    for name, changes in {
        'samples_4': ('learning.optimisation.samples=4',),
        'samples_64': ('learning.optimisation.samples=64',),
        'steps_1': (f'{CLIMB}=1',),
        'steps_30': (f'{CLIMB}=30',),
        'stop_at_first_failure': ('learning.optimisation.acceptance=stop_at_first_failure',),
        'cem_from_policy': (f'{CLIMB}=0', 'learning.optimisation.cem_iterations=4'),
        'cem_from_scratch': (
            f'{CLIMB}=0',
            'learning.optimisation.cem_iterations=4',
            'learning.optimisation.proposals=uniform',
        ),
        'softmax_backup': ('learning.critic_trainer.backup=softmax',),
        'base_policy_backup': ('learning.critic_trainer.backup=policy',),
        'cql': ('learning.critic_trainer.algorithm=cql',),
        'iql': ('learning.critic_trainer={algorithm: iql, expectile: 0.9}',),
        'mse': ('learning.critic.head=mse',),
        'chunks': ('learning.action_horizon=4',),
    }.items()
}
"""Changed settings of each variant; a variant named like a `parl-train` method is that method."""
Row = tuple[str, str, str, str]
"""Label, variant, who acts, and when: before practice ('first') or after it ('last')."""
TABLES: dict[str, tuple[Row, ...]] = {
    'optimisation': (
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
    ),
    'classes': tuple(
        (f'{label}, {what}', variant, actor, when)
        for label, variant in (
            ('diffusion', 'both'),
            ('flow', 'flow'),
            ('autoregressive', 'autoregressive'),
            ('Gaussian', 'gaussian'),
            ('IDQL', 'idql'),
            ('Diffusion-QL', 'diffusion_ql'),
        )
        for what, actor, when in (
            ('policy alone before', 'policy', 'first'),
            ('with its critic before', 'optimised', 'first'),
            ('with its critic after practice', 'optimised', 'last'),
            ('policy alone after practice', 'policy', 'last'),
        )
    ),
    'ablations': tuple(
        (label, variant, 'optimised', 'first')
        for label, variant in (
            ('k = 16, m = 4, T = 10', 'both'),
            ('k = 4', 'samples_4'),
            ('k = 64', 'samples_64'),
            ('T = 0', 'global'),
            ('T = 1', 'steps_1'),
            ('T = 30', 'steps_30'),
            ('climbing ends at the first failure', 'stop_at_first_failure'),
            ('CEM from the policy', 'cem_from_policy'),
            ('CEM from scratch', 'cem_from_scratch'),
            ('softmax backup', 'softmax_backup'),
            ('backup with the base policy', 'base_policy_backup'),
            ('CQL', 'cql'),
            ('IQL, expectile 0.9', 'iql'),
            ('MSE head', 'mse'),
            ('chunks of 4 steps', 'chunks'),
        )
    ),
}


def run_one(variant: str, seed: int, folder: Path) -> None:
    """Train one cell, or continue it in its folder; print its result as JSON on the last line."""
    torch.set_num_threads(1)
    method = variant if variant in METHOD_FILES else ''
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


def table(rows: Sequence[Row], cells: Mapping[Cell, dict], seeds: Sequence[int]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        '| policy | ' + ' | '.join(f'seed {s}' for s in seeds) + ' | mean | 95 % interval |',
        '|---' * (len(seeds) + 3) + '|',
    ]
    for label, variant, actor, when in rows:
        results = [cells[variant, s]['scores'][f'{when} {actor}'] for s in seeds]
        solved = [sum(score == 100.0 for score in scores) for scores in results]
        episodes = sum(len(scores) for scores in results)
        low, high = wilson_interval(sum(solved), episodes)
        shown = ' | '.join(f'{n}/{len(r)}' for n, r in zip(solved, results, strict=True))
        lines.append(
            f'| {label} | {shown} | {sum(solved) / episodes:.0%} | {low:.0%} … {high:.0%} |'
        )
    cpu = [cells[variant, seed]['cpu'] for _, variant, _, _ in rows for seed in seeds]
    lines.append(f'\nA cell took {min(cpu):.0f} … {max(cpu):.0f} s of one core.')
    return '\n'.join(lines)


def main() -> None:
    """Run the cells that are missing and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('table', nargs='?', choices=TABLES, default='optimisation')
    parser.add_argument('--seeds', type=at_least_1, default=5)
    parser.add_argument('--workers', type=at_least_1, default=2, help='cells at a time')
    parser.add_argument('--folder', type=Path, default=FOLDER, help='continued when run again')
    parser.add_argument('--one', choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument('--seed', type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        run_one(given.one, given.seed, given.folder / f'{given.one}-{given.seed}')
        return
    seeds, rows = range(given.seeds), TABLES[given.table]
    variants = dict.fromkeys(variant for _, variant, _, _ in rows)
    cells = [(variant, seed) for seed in seeds for variant in variants]
    arguments = ['--folder', str(given.folder)]
    try:
        done = run_cells(__file__, cells, given.folder, given.workers, arguments)
    except ParlError as error:
        parser.error(str(error))
    print(table(rows, done, seeds))


if __name__ == '__main__':
    main()
