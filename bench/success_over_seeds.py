# SPDX-License-Identifier: Apache-2.0
"""Success before and after practice over several seeds, PA-RL beside two baselines.

Every run is the demo's experiment file with another seed and, for the baseline, another method;
demonstrations, starts and the imitation policy of a seed are the same for all methods. Runs
without ROS (`in_process_experiment.py`): same schedule, learner, detector, limits and physics.
"""

import argparse
from collections.abc import Sequence
import dataclasses
import json
from pathlib import Path
import subprocess
import sys
import tempfile
import time

from in_process_experiment import PhaseResult, run_in_process
import torch

from parl_learner.binomial_interval import wilson_interval
from parl_learner.experiment_config import load_experiment
from parl_policy.config_file import load_yaml
from widowx_sim.scripted_expert import ExpertConfig

CONFIG = Path(__file__).parents[1] / 'ros2_ws/src/widowx_bringup/config'
METHODS = ('pa_rl', 'filtered_imitation')
ROWS = (
    ('pre-trained policy left alone (imitation)', 'pa_rl', 'imitation'),
    ('pre-trained policy with its critic', 'pa_rl', 'pre-trained'),
    ('filtered imitation after practice', 'filtered_imitation', 'distilled'),
    ('PA-RL after practice, with its critic', 'pa_rl', 'fine-tuned'),
    ('PA-RL after practice, policy alone', 'pa_rl', 'distilled'),
)


def run_one(method: str, seed: int) -> None:
    """Run one experiment and print its phases as JSON on the last line."""
    torch.set_num_threads(1)
    config = load_experiment(CONFIG / 'experiments/cup_to_rack.yaml')
    config = dataclasses.replace(
        config, seed=seed, learning=dataclasses.replace(config.learning, method=method)
    )
    noise = load_yaml(CONFIG / 'demonstrator.yaml')['/**/demonstrator']['ros__parameters']
    with tempfile.TemporaryDirectory() as folder:
        results = run_in_process(
            config,
            CONFIG / 'tasks/cup_to_rack.yaml',
            ExpertConfig(**noise),
            Path(folder),
            lambda text: print(f'{method} seed {seed}: {text}', file=sys.stderr, flush=True),
        )
    phases = {name: dataclasses.asdict(result) for name, result in results.items()}
    print(json.dumps({'method': method, 'seed': seed, 'phases': phases}), flush=True)


def run_all(seeds: Sequence[int], workers: int, log: Path) -> list[dict]:
    """Run every method with every seed in a process of its own; keep finished runs in the log."""
    done = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    finished = {(run['method'], run['seed']) for run in done}
    waiting = [(m, s) for m in METHODS for s in seeds if (m, s) not in finished]
    running: list[subprocess.Popen[str]] = []
    started, total = time.monotonic(), len(waiting)
    while waiting or running:
        while waiting and len(running) < workers:
            method, seed = waiting.pop(0)
            command = [sys.executable, __file__, '--one', method, '--seed', str(seed)]
            running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        time.sleep(1.0)
        for process in [p for p in running if p.poll() is not None]:
            running.remove(process)
            output = process.communicate()[0].strip().splitlines()
            if process.returncode or not output:
                raise RuntimeError(f'{process.args} ended with {process.returncode}')
            done.append(json.loads(output[-1]))
            with log.open('a', encoding='utf-8') as file:
                file.write(output[-1] + '\n')
            ended = total - len(waiting) - len(running)
            left = (time.monotonic() - started) / ended * (total - ended)
            print(f'{ended}/{total} runs, about {left / 60:.0f} min left', flush=True)
    return done


def table(runs: list[dict], seeds: Sequence[int]) -> str:
    """The result as a Markdown table."""
    by_key = {(run['method'], run['seed']): run['phases'] for run in runs}
    lines = [
        '| policy | ' + ' | '.join(f'seed {s}' for s in seeds) + ' | mean | 95 % interval |',
        '|---' * (len(seeds) + 3) + '|',
    ]
    rates: dict[str, list[float]] = {}
    for label, method, phase in ROWS:
        results = [PhaseResult(**by_key[method, s][phase]) for s in seeds]
        rates[label] = [r.successes / r.episodes for r in results]
        low, high = wilson_interval(
            sum(r.successes for r in results), sum(r.episodes for r in results)
        )
        cells = ' | '.join(f'{r.successes}/{r.episodes}' for r in results)
        mean = sum(rates[label]) / len(seeds)
        lines.append(f'| {label} | {cells} | {mean:.0%} | {low:.0%} … {high:.0%} |')
    *others, (best, _, _) = ROWS
    final = rates[best]
    for label, *_ in others:
        gains = [100 * (b - a) for a, b in zip(rates[label], final, strict=True)]
        lines.append(
            f'\nGain of *{best}* over *{label}*: mean {sum(gains) / len(gains):+.0f} points, '
            f'worst seed {min(gains):+.0f}, best {max(gains):+.0f}.'
        )
    return '\n'.join(lines)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seeds', type=int, default=5)
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument('--log', type=Path, help='finished runs are kept here and not repeated')
    parser.add_argument('--one', choices=METHODS, help=argparse.SUPPRESS)
    parser.add_argument('--seed', type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        run_one(arguments.one, arguments.seed)
        return
    seeds = range(arguments.seeds)
    with tempfile.TemporaryDirectory() as folder:
        log = arguments.log or Path(folder) / 'runs.jsonl'
        print(table(run_all(seeds, arguments.workers, log), seeds))


if __name__ == '__main__':
    main()
