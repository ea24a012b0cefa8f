# SPDX-License-Identifier: Apache-2.0
"""Runs the cells (name, seed) of a table, each once and in a process of its own."""

from collections.abc import Sequence
import json
from pathlib import Path
import subprocess
import sys
import time

from parl_files.durable_file import make_folder, write_durably
from parl_files.error import ParlError

Cell = tuple[str, int]


class CellError(ParlError):
    """A cell failed; its output says why."""


def run_cells(
    script: str, cells: Sequence[Cell], folder: Path, workers: int, arguments: Sequence[str] = ()
) -> dict[Cell, dict]:
    """Run the cells whose results the folder does not hold yet.

    Args:
        script: Called as `script --one NAME --seed SEED`; its last line is the result in JSON.
        cells: Cells in the order in which they start.
        folder: Holds one line for each finished cell, in `cells.jsonl`.
        workers: Number of cells that run at the same time.
        arguments: Further arguments of the script.

    Returns:
        The results by cell.

    Raises:
        CellError: A cell failed; the results of finished cells are kept.
        DurableWriteError: The folder cannot be made or written.
    """
    make_folder(folder)
    log = folder / 'cells.jsonl'
    # If a kill cut off the last line, its cell runs again.
    kept = log.read_bytes().rpartition(b'\n')[0].splitlines() if log.exists() else []
    write_durably(log, b''.join(line + b'\n' for line in kept))
    done = {(line['cell'], line['seed']): line for line in map(json.loads, kept)}
    waiting = [cell for cell in cells if cell not in done]
    running: dict[Cell, subprocess.Popen[str]] = {}
    started, total = time.monotonic(), len(waiting)
    while waiting or running:
        while waiting and len(running) < workers:
            name, seed = cell = waiting.pop(0)
            command = [sys.executable, script, '--one', name, '--seed', str(seed), *arguments]
            running[cell] = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        time.sleep(1.0)
        for cell in [c for c, process in running.items() if process.poll() is not None]:
            process = running.pop(cell)
            output = process.communicate()[0].strip().splitlines()
            if process.returncode or not output:
                raise CellError(
                    f'{process.args} ended with exit code {process.returncode}; '
                    'its output above says why'
                )
            done[cell] = {'cell': cell[0], 'seed': cell[1], **json.loads(output[-1])}
            with log.open('a', encoding='utf-8') as file:
                file.write(json.dumps(done[cell]) + '\n')
            ended = total - len(waiting) - len(running)
            left = (time.monotonic() - started) / ended * (total - ended)
            print(f'{ended}/{total} cells, about {left / 60:.0f} min left', flush=True)
    return done
