# SPDX-License-Identifier: Apache-2.0
"""Measures how well the reward detector judges rendered frames of the simulated station.

It prints one table for each task: the position error of standing objects, the recall of objects
that stand on their goal, and false successes. A false success is SUCCESS while the object,
standing or lying, does not rest wholly on its goal. The simulator knows the truth; the detector
sees only pixels and the finger position.
"""

import argparse
from collections.abc import Iterator
from contextlib import closing
import os

os.environ.setdefault('MUJOCO_GL', 'egl')

import cv2
from detector_bench import Bench, Row, TASKS
from detector_scenes import SCENES
import numpy as np

from parl_learner.offline.run.whole_number import at_least_0, at_least_1


def lines(rows: dict[str, Row]) -> Iterator[str]:
    """Yield the table as Markdown."""
    yield '| scene | frames | hidden | error p50 / p95 / max, mm | recall | false SUCCESS |'
    yield '|---|---|---|---|---|---|'
    for name, row in rows.items():
        if not row.frames:
            continue
        error = '-'
        if row.errors_mm:
            p50, p95, most = np.percentile(row.errors_mm, [50, 95, 100])
            error = f'{p50:.1f} / {p95:.1f} / {most:.1f}'
        recall = f'{row.found}/{row.done}' if row.done else '-'
        yield f'| {name} | {row.frames} | {row.hidden} | {error} | {recall} | {row.false} |'


def main() -> None:
    """Run all scenes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--count', type=at_least_1, default=60, help='of each kind of scene')
    parser.add_argument('--seed', type=at_least_0, default=0)
    parser.add_argument('--task', help='only this one')
    parser.add_argument('--picture', help='write what the camera sees at a reset, and stop')
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    paths = sorted(TASKS.glob(f'{arguments.task or "*"}.yaml'))
    if not paths:
        parser.error(f'no task {arguments.task!r} in {TASKS}')
    for path in paths:
        bench = Bench(path, arguments.seed)
        with closing(bench.station):
            if arguments.picture:
                bench.station.reset(arguments.seed)
                picture = cv2.cvtColor(bench.station.render(), cv2.COLOR_RGB2BGR)
                try:
                    is_written = cv2.imwrite(arguments.picture, picture)
                except cv2.error:
                    is_written = False
                if not is_written:
                    parser.error(
                        f'--picture: cannot write {arguments.picture}; name a .png or .jpg file '
                        'in a folder that is there and may be written'
                    )
                return
            rows = {name: scene(bench, arguments.count) for name, scene in SCENES.items()}
            print(f'\n{path.stem}\n')
            print('\n'.join(lines(rows)), flush=True)


if __name__ == '__main__':
    main()
