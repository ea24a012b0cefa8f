# SPDX-License-Identifier: Apache-2.0
"""Times critic updates, distillation, sampling and decisions beside a literal implementation.

The shapes are those of the reference figures: observation 60, action 9, critics of 512×3 with
LayerNorm and 128 bins, batch 256, k = 32, m = 10, T = 10, 10 actions of each kind in the
conservative term. The sides take turns, so that other load on the machine affects all of them.
Each time is a median. The literal side multiplies matrices as torch does by default. A second
table has the demo's shapes, ours alone; its updates use particles that are renewed now and then.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
import os
from pathlib import Path
import platform
import statistics
import subprocess
import sys
import time

from critic_work import demo_shape, Ours, reference_shape, SIDES, update_operations, Work
import torch

from parl_learner.offline.run.whole_number import at_least_1
from parl_policy.compute.device import choose_float32_product, use_device

CRITIC, SAMPLES = 'critic update, samples cached', 'samples, 512 states × k'
DISTILLATION = 'distillation step, 1,024 states, samples drawn anew'
DECISION = 'decision'
REFERENCE_S = {
    (CRITIC, 2): 1 / 0.52,
    (CRITIC, 10): 1 / 0.10,
    (DISTILLATION, 2): 1 / 0.22,
    (SAMPLES, 2): 0.95,
    (DECISION, 2): 0.021,
    (DECISION, 10): 0.041,
}
"""Times of the authors' JAX on two other cores (AMD, avx512_bf16); not measured here."""
REFERENCE_GB = {2: 1.8, 10: 3.5}


@dataclass(frozen=True)
class Times:
    """Medians of one kind of step [s]."""

    wall: float
    cpu: float


def in_turns(steps: dict[str, Callable[[], None]], rounds: int) -> dict[str, Times]:
    """Time the steps in turn for some rounds; of several rounds the first is a warm-up."""
    chosen = torch.get_float32_matmul_precision()
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            torch.set_float32_matmul_precision('highest' if name == 'literal' else chosen)
            wall, cpu = time.perf_counter(), time.process_time()
            step()
            if torch.get_default_device().type == 'cuda':
                torch.cuda.synchronize()
            taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
            torch.set_float32_matmul_precision(chosen)
    return {
        name: Times(
            *(statistics.median(column) for column in zip(*each[rounds > 1 :], strict=True))
        )
        for name, each in taken.items()
    }


def reference_rows(members: int, rounds: int) -> Iterator[str]:
    """Yield the table rows of one ensemble size."""
    work = Work(reference_shape(members))
    sides = {name: make(work) for name, make in SIDES.items()}
    steps = {CRITIC: ('critic_update', rounds), DECISION: ('decision', 10 * rounds)}
    if members == 2:
        steps[SAMPLES] = ('samples', rounds)
        steps[DISTILLATION] = ('distillation_step', rounds)
    for name, (method, count) in steps.items():
        times = in_turns({side: getattr(each, method) for side, each in sides.items()}, count)
        yield _row(name, members, times, REFERENCE_S.get((name, members)))
    peaks = [_peak_gb(side, members) for side in SIDES]
    shown = ' | '.join(f'{peak:.2f}' for peak in peaks)
    ratios = ' | '.join(f'{peaks[-1] / peak:.2f}' for peak in peaks[:-1])
    yield (
        f'| peak memory of critic updates, GB | {members} | {shown} | {ratios} '
        f'| {REFERENCE_GB[members]} |'
    )


def _row(name: str, members: int, times: dict[str, Times], reference: float | None) -> str:
    shown = ' | '.join(f'{each.wall:.3f} ({each.cpu:.3f})' for each in times.values())
    # CPU seconds exclude the load of other processes, but do not include the work of a GPU.
    clock = 'wall' if torch.get_default_device().type == 'cuda' else 'cpu'
    literal, *ours = (getattr(times[side], clock) for side in reversed(SIDES))
    ratios = ' | '.join(f'{literal / each:.2f}' for each in reversed(ours))
    return (
        f'| {name} | {members} | {shown} | {ratios} | {f"{reference:.3f}" if reference else "–"} |'
    )


def demo_rows(rounds: int) -> Iterator[str]:
    """Yield the table rows of the demo's shapes."""
    ours = Ours(Work(demo_shape()))
    steps = {
        'critic update, particles cached': ours.update_alone,
        'critic update, samples cached': ours.critic_update,
        'decision': ours.decision,
    }
    for name, times in in_turns(steps, 10 * rounds).items():
        yield f'| {name} | {1e3 * times.wall:.1f} | {1e3 * times.cpu:.1f} |'


def _peak_gb(side: str, members: int) -> float:
    """Return the peak memory of a process that only makes critic updates, on CPU or GPU [GB]."""
    device = torch.get_default_device().type
    command = [sys.executable, __file__, '--device', device, '--peak', side, str(members)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(answer.stdout) / 1e9


def _own_peak_bytes() -> int:
    if torch.get_default_device().type == 'cuda':
        return torch.cuda.max_memory_reserved()
    # getrusage does not fit: its maximum includes the parent's memory from before exec.
    status = Path('/proc/self/status').read_text(encoding='utf-8')
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if 'VmHWM' in line)


def products_rate(dtype: torch.dtype) -> float:
    """Return the operations per second of large matrix products on this machine."""
    n = 8192 if torch.get_default_device().type == 'cuda' else 1024
    left, right = torch.randn(2, n, n, dtype=dtype)
    times = in_turns({'products': lambda: torch.mm(left, right)}, 6)
    return 2.0 * n**3 / times['products'].wall


def main() -> None:
    """Print the machine and two tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=at_least_1, default=2, help='turns of each long step')
    parser.add_argument(
        '--threads', type=at_least_1, default=1, help="torch's; more only on idle cores"
    )
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cpu')
    parser.add_argument('--peak', nargs=2, metavar=('SIDE', 'MEMBERS'), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    choose_float32_product()
    device = use_device(arguments.device)
    product = torch.get_float32_matmul_precision()
    if arguments.peak:
        side, members = arguments.peak
        worker = SIDES[side](Work(reference_shape(int(members))))
        worker.critic_update()
        print(_own_peak_bytes())
        return
    load = os.getloadavg()[0]
    print(
        f'{_processor()}, {os.cpu_count()} cores, load {load:.1f} by other processes when this '
        f'began, {arguments.threads} thread(s), device {device}, torch {torch.__version__}, '
        f'float32 products by {product!r}. Wall seconds (CPU seconds) unless said.\n'
    )
    print(
        f'| step | critics | {" | ".join(SIDES)} | literal / ours '
        '| literal / bfloat16 | reference, wall |'
    )
    print('|---' * 8 + '|', flush=True)
    for members in (2, 10):
        for row in reference_rows(members, arguments.rounds):
            print(row, flush=True)
    for dtype in (torch.float32, torch.bfloat16):
        rate = products_rate(dtype)
        floors = (update_operations(reference_shape(members)) / rate for members in (2, 10))
        shown = ' and '.join(f'{floor:.4f}' for floor in floors)
        print(f'\n{dtype}: {rate / 1e12:.2f} TFLOP/s; the products of an update need {shown} s.')
    print("\n| the demo's shapes, ours | wall, ms | CPU, ms |\n|---|---|---|")
    for row in demo_rows(arguments.rounds):
        print(row, flush=True)


def _processor() -> str:
    information = Path('/proc/cpuinfo')
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    return platform.processor() or 'unknown processor'


if __name__ == '__main__':
    main()
