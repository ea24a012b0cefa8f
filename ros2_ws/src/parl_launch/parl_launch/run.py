# SPDX-License-Identifier: Apache-2.0
"""Runs a launch file: `python3 -m parl_launch.run [package] file.launch.yaml [name:=value ...]`.

It takes the same words and files as `ros2 launch`, which the wheels do not have. Beyond that it
starts crashed processes again, leaves no process behind, and returns the exit code of a failure.
"""

import argparse
import asyncio
from collections.abc import Sequence
import os
from pathlib import Path
import signal
import sys

from ament_index_python.packages import get_package_prefix

from parl_files.error import ParlError
from parl_launch.launch_entry import LaunchError
from parl_launch.launch_file import read_launch_file
from parl_launch.process_keeper import ProcessKeeper
from parl_launch.process_specification import ProcessSpecification
from parl_launch.shared_memory import remove_stale_shared_memory


def find_launch_file(words: Sequence[str]) -> Path:
    """Return the path of a launch file.

    Args:
        words: Its path; or its package and its file name there.

    Raises:
        LaunchError: It does not exist; the message lists the files that do.
    """
    *package, name = words
    if len(words) == 1:
        path, known = Path(name), 'give its path, or its package and its name'
    elif len(words) == 2:
        try:
            folder = _find_prefix(package[0]) / 'share' / package[0] / 'launch'
        except LookupError as error:
            raise LaunchError(f'no package {package[0]!r} here; is it built?') from error
        path = folder / name
        files = ', '.join(sorted(path.name for path in folder.glob('*.launch.yaml')))
        known = f'{package[0]} has: {files or "none"}'
    else:
        raise LaunchError(f'{" ".join(words)}: give a path, or a package and a file name')
    if not path.is_file():
        raise LaunchError(f'{name}: no such launch file; {known}')
    return path.resolve()


def parse_arguments(words: Sequence[str]) -> dict[str, str]:
    """Split words of the form `name:=value`.

    Raises:
        LaunchError: A word has another form.
    """
    pairs = [word.partition(':=') for word in words]
    for name, separator, _ in pairs:
        if not separator or not name:
            raise LaunchError(f'argument {name!r} is not of the form name:=value')
    return {name: value for name, _, value in pairs}


def run(specifications: Sequence[ProcessSpecification]) -> int:
    """Run the processes until they end, or until Ctrl-C or SIGTERM; return the exit code."""
    width = max((len(specification.name) for specification in specifications), default=0)

    def write_line(name: str, line: str) -> None:
        print(f'[{name}]'.ljust(width + 3) + line, flush=True)

    async def keep() -> int:
        keeper = ProcessKeeper(specifications, write_line, remove_stale_shared_memory)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, keeper.interrupt)
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, keeper.stop, 128 + number)
        return await keeper.run()

    return asyncio.run(keep())


def main() -> int:
    """Run the launch file named on the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog='python3 -m parl_launch.run', description=__doc__)
    parser.add_argument(
        'words', nargs='+', metavar='word', help='[package] file, or a path; then name:=value'
    )
    words = parser.parse_args().words
    named = next((i for i, word in enumerate(words) if ':=' in word), len(words))
    try:
        specifications = read_launch_file(
            find_launch_file(words[:named]),
            parse_arguments(words[named:]),
            _find_prefix,
            os.environ,
        )
    except ParlError as error:
        print(error, file=sys.stderr)
        return 2
    print(f'ROS_DOMAIN_ID={os.environ.get("ROS_DOMAIN_ID", "0")}', flush=True)
    return run(specifications)


def _find_prefix(package: str) -> Path:
    return Path(get_package_prefix(package))


if __name__ == '__main__':
    sys.exit(main())
