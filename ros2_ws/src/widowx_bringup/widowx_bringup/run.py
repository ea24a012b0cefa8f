# SPDX-License-Identifier: Apache-2.0
"""Runs a launch file: `python3 -m widowx_bringup.run sim.launch.yaml [name:=value ...]`.

It reads the files of ROS 2's own `ros2 launch`, which the wheels do not have, and keeps more than
that promises: who crashed is started again, nothing outlives it, and the exit code is told.
"""

import argparse
import asyncio
from collections.abc import Sequence
import os
from pathlib import Path
import signal
import sys

from ament_index_python.packages import get_package_prefix

from widowx_bringup.launch_entry import LaunchError
from widowx_bringup.launch_file import read_launch_file
from widowx_bringup.process_keeper import ProcessKeeper
from widowx_bringup.process_specification import ProcessSpecification

PACKAGE = 'widowx_bringup'


def find_launch_file(name: str) -> Path:
    """Gives the file itself, or the file of that name among those of this package.

    Raises:
        LaunchError: there is none; the message lists what there is.
    """
    folder = _find_prefix(PACKAGE) / 'share' / PACKAGE / 'launch'
    for path in (Path(name), folder / name):
        if path.is_file():
            return path.resolve()
    known = ', '.join(sorted(path.name for path in folder.glob('*.launch.yaml')))
    raise LaunchError(f'{name}: no such launch file; {PACKAGE} has: {known}')


def parse_arguments(words: Sequence[str]) -> dict[str, str]:
    """Splits `name:=value` words.

    Raises:
        LaunchError: a word of another form.
    """
    pairs = [word.partition(':=') for word in words]
    for name, separator, _ in pairs:
        if not separator or not name:
            raise LaunchError(f'argument {name!r} is not of the form name:=value')
    return {name: value for name, _, value in pairs}


def run(specifications: Sequence[ProcessSpecification]) -> int:
    """Runs the processes until they end, or until Ctrl-C or SIGTERM; gives the exit code."""
    width = max((len(specification.name) for specification in specifications), default=0)

    def write_line(name: str, line: str) -> None:
        print(f'[{name}]'.ljust(width + 3) + line, flush=True)

    async def keep() -> int:
        keeper = ProcessKeeper(specifications, write_line)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, keeper.interrupt)
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, keeper.stop, 128 + number)
        return await keeper.run()

    return asyncio.run(keep())


def main() -> int:
    """Runs the launch file named on the command line; gives the exit code."""
    parser = argparse.ArgumentParser(prog=f'python3 -m {PACKAGE}.run', description=__doc__)
    parser.add_argument('file', help=f'path, or the name of a launch file of {PACKAGE}')
    parser.add_argument('arguments', nargs='*', metavar='name:=value', help='for its `arg`s')
    options = parser.parse_args()
    try:
        specifications = read_launch_file(
            find_launch_file(options.file),
            parse_arguments(options.arguments),
            _find_prefix,
            os.environ,
        )
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 2
    print(f'ROS_DOMAIN_ID={os.environ.get("ROS_DOMAIN_ID", "0")}', flush=True)
    return run(specifications)


def _find_prefix(package: str) -> Path:
    return Path(get_package_prefix(package))


if __name__ == '__main__':
    sys.exit(main())
