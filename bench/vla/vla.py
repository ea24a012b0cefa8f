# SPDX-License-Identifier: Apache-2.0
"""Measures how fast an OpenVLA acts and learns, with random weights.

    PYTHONPATH=bench python3 -m vla.vla

prints one table: the small model on the CPU and, where there is a GPU, OpenVLA's full size in
bfloat16 on it.
"""

import argparse
import sys

import torch

from parl_files.error import ParlError
from parl_learner.offline.run.whole_number import at_least_1
from parl_policy.compute.device import NAMES, use_device
from vla.measures import Bench, MEASURES
from vla.models import new_policy

NOT_RUN = 'not run'
COLUMNS = {'cpu': 'small model, float32, CPU', 'cuda': 'full size, bfloat16, GPU'}


def column(device: str, repeats: int, batch: int) -> dict[str, str]:
    """Measure one device; return the cells by the name of their row."""
    use_device(device)
    torch.manual_seed(0)
    bench = Bench(new_policy(is_full=device == 'cuda'), repeats, batch)
    cells = {}
    for name, measure in MEASURES.items():
        print(f'{device}: {name}', file=sys.stderr, flush=True)
        cells[name] = measure(bench)
    return cells


def table(columns: dict[str, dict[str, str]]) -> str:
    """Write the table; a device that was not measured says so."""
    heads = [''] + [COLUMNS[device] for device in COLUMNS]
    lines = ['| ' + ' | '.join(heads) + ' |', '|---' * len(heads) + '|']
    for name in MEASURES:
        cells = [columns.get(device, {}).get(name, NOT_RUN) for device in COLUMNS]
        lines.append('| ' + ' | '.join([name, *cells]) + ' |')
    return '\n'.join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--device', choices=NAMES, default='auto', help='auto: all that there are')
    parser.add_argument('--repeats', type=at_least_1, default=20)
    parser.add_argument('--batch', type=at_least_1, default=32, help='states')
    arguments = parser.parse_args()
    devices = [arguments.device]
    if arguments.device == 'auto':
        devices = ['cpu', *(['cuda'] if torch.cuda.is_available() else [])]
    try:
        columns = {each: column(each, arguments.repeats, arguments.batch) for each in devices}
    except ParlError as error:
        sys.exit(f'vla: {error}')
    print(table(columns))


if __name__ == '__main__':
    main()
