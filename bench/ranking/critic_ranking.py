# SPDX-License-Identifier: Apache-2.0
"""Measures how well critics rank a state's actions by the returns that really follow them.

`python3 bench/ranking/critic_ranking.py --prepare` records demonstrations, lets a policy that
imitates them from pictures play, and plays samples of it out from saved simulator states. Then the
rows are measured; what the folder holds is not repeated. `--study vla --model FOLDER` does so with
OpenVLA, whose zero-shot episodes take the place of demonstrations.
"""

import argparse
from collections.abc import Mapping, Sequence
import dataclasses
import json
from pathlib import Path
import sys

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # `ranking` and `in_process`

from parl_learner.offline.run.whole_number import at_least_1
from parl_policy.compute.device import choose_float32_product
from ranking.data import play
from ranking.ground_truth import find_states, load_states
from ranking.measures import noise_ceiling, ranking_measures, wrong_measures
from ranking.rows import cup_table, Table, vla_table
from ranking.study import Study

COLUMNS = (
    'rank',
    'pairs',
    'gain',
    'regret',
    'wrong',
    'spread',
    'bias',
    'rms',
    'auc',
    'aim',
    'aim_gain',
    'aim_regret',
    'seconds',
)

Result = Mapping[str, float]
Results = dict[tuple[str, int, int], Result]
"""By row, critic and number of updates."""


def stored(folder: Path) -> Results:
    """Read the results of earlier calls."""
    path = folder / 'rows.jsonl'
    lines = path.read_text(encoding='utf-8').splitlines() if path.exists() else []
    return {
        (line['row'], line['critic'], result['updates']): result
        for line in map(json.loads, lines)
        for result in line['results']
    }


def measure(
    table: Table, names: Sequence[str], critics: int, known: int, updates: Sequence[int]
) -> None:
    """Measure what `rows.jsonl` does not hold yet; one critic of each row first."""
    folder, rows = table.folder, table.rows
    done = stored(folder)
    cells = [(name, critic) for critic in range(critics) for name in names]
    missing = [cell for cell in cells if any((*cell, each) not in done for each in updates)]
    if not missing:
        return
    study = Study(table, known, [rows[name] for name in names])
    for name, critic in missing:
        results = study.run(rows[name], critic, updates)
        line = json.dumps({'row': name, 'critic': critic, 'results': results})
        with (folder / 'rows.jsonl').open('a', encoding='utf-8') as file:
            file.write(f'{line}\n')
        print(_line(name, [results[-1]], COLUMNS), flush=True)


def markdown(folder: Path, names: Sequence[str]) -> str:
    """Return the Markdown table of what is measured: mean and standard deviation of critics."""
    true = load_states(folder / 'truth.npz')
    drawn = np.random.default_rng(0).standard_normal((50, *true.returns.shape[:2]))
    random = [ranking_measures(q, true.returns) | wrong_measures(q, true.wrong) for q in drawn]
    # Where there is one object alone, none is wrong.
    columns = [each for each in COLUMNS if each != 'wrong' or each in random[0]]
    lines = [
        '| row | critics | updates | ' + ' | '.join(columns) + ' |',
        '|---' * (len(columns) + 3) + '|',
        _line('half of the continuations', [noise_ceiling(true.returns)], columns),
        _line('random', random, columns),
    ]
    found = stored(folder)
    for name in names:
        for updates in sorted({key[2] for key in found if key[0] == name}):
            runs = [value for key, value in found.items() if key[::2] == (name, updates)]
            lines.append(_line(name, runs, columns))
    return '\n'.join(lines)


def _line(name: str, results: Sequence[Result], columns: Sequence[str]) -> str:
    cells = [name, str(len(results)), str(results[0].get('updates', '–'))]
    for key in columns:
        values = [result[key] for result in results if key in result]
        spread = f' ± {np.std(values):.2f}' if len(values) > 1 else ''
        cells.append(f'{np.mean(values):.2f}{spread}' if values else '–')
    return f'| {" | ".join(cells)} |'


def main() -> None:
    """Prepare if asked to, measure what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('rows', nargs='*', help='rows; all by default')
    parser.add_argument('--study', choices=('cup', 'vla'), default='cup')
    parser.add_argument('--model', type=Path, help='checkpoint of the VLA')
    parser.add_argument('--settings', nargs='+', default=[], help='more of the experiment')
    parser.add_argument('--prepare', action='store_true', help='make what is missing first')
    parser.add_argument('--folder', type=Path, help='default: one of each study')
    parser.add_argument('--seed', type=int, default=0, help='seed of the demonstrations')
    parser.add_argument('--critics', type=at_least_1, default=2, help='critics a row')
    parser.add_argument('--updates', type=at_least_1, nargs='+', default=[500, 1000])
    parser.add_argument('--episodes', type=at_least_1, default=160, help='of practice')
    parser.add_argument('--known', type=at_least_1, default=100, help='of those, known to critics')
    parser.add_argument('--states', type=at_least_1, default=12, help='that are played out')
    parser.add_argument('--samples', type=at_least_1, default=8, help='actions in each')
    parser.add_argument('--continuations', type=at_least_1, default=4, help='of each action')
    asked = parser.parse_args()
    if asked.study == 'vla' and asked.model is None:
        parser.error('--study vla needs --model, the folder of a checkpoint')
    table = _with(cup_table() if asked.study == 'cup' else vla_table(asked.model.resolve()), asked)
    names = asked.rows or list(table.rows)
    unknown = set(names) - set(table.rows)
    if unknown:
        parser.error(f'rows {sorted(unknown)} are unknown; known are {list(table.rows)}')
    torch.set_num_threads(1)
    choose_float32_product()
    if asked.prepare:
        play(table.subject, table.folder, asked.seed, asked.episodes, print)
        counts = asked.states, asked.samples, asked.continuations
        find_states(table.subject.config(), table.folder, *counts)
    measure(table, names, asked.critics, asked.known, sorted(asked.updates))
    print(markdown(table.folder, names))


def _with(table: Table, asked: argparse.Namespace) -> Table:
    """Return a table with the folder and the settings that were asked for."""
    subject = table.subject
    subject = dataclasses.replace(subject, settings=(*subject.settings, *asked.settings))
    return dataclasses.replace(table, subject=subject, folder=asked.folder or table.folder)


if __name__ == '__main__':
    main()
