# SPDX-License-Identifier: Apache-2.0
"""Writes the world of a task file and runs Gazebo on it in place of this process."""

from itertools import takewhile
import os
from pathlib import Path
import sys
import tempfile

from parl_files.error import ParlError
from widowx_gazebo.station_world import station_world
from widowx_sim.scene.task_scene import load_task_scene

USAGE = 'usage: run_gazebo <task file> [options of gz sim, as -r -s --headless-rendering]'


def main() -> None:
    """Run Gazebo on the world of a task file; the --ros-args of a launch file are ignored."""
    words = list(takewhile(lambda word: word != '--ros-args', sys.argv[1:]))
    if not words or words[0].startswith('-'):
        print(USAGE, file=sys.stderr)
        sys.exit(2)
    # A launch argument comes as one word, even if it holds several options.
    task_file, options = words[0], ' '.join(words[1:]).split()
    try:
        world = station_world(load_task_scene(task_file))
    except ParlError as error:
        print(f'run_gazebo: {error}', file=sys.stderr)
        sys.exit(2)
    path = Path(tempfile.mkdtemp(prefix='widowx_gazebo_')) / 'station.sdf'
    path.write_text(world, encoding='utf-8')
    print(f'run_gazebo: world of {task_file} in {path}', flush=True)
    try:
        os.execvp('gz', ['gz', 'sim', *options, str(path)])
    except OSError as error:
        print(f'run_gazebo: gz: {error}; install ros-jazzy-ros-gz', file=sys.stderr)
        sys.exit(2)


if __name__ == '__main__':
    main()
