# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from table_cells import CellError, run_cells

SCRIPT = """
import json, sys
print(json.dumps({'score': int(sys.argv[-1]) + 1}))
"""


def test_a_line_cut_off_by_a_kill_is_run_again(tmp_path):
    script, log = tmp_path / 'script.py', tmp_path / 'cells.jsonl'
    script.write_text(SCRIPT)
    kept = json.dumps({'cell': 'a', 'seed': 0, 'score': 7})
    log.write_text(f'{kept}\n{{"cell": "a", "se')
    expected = {
        ('a', 0): {'cell': 'a', 'seed': 0, 'score': 7},
        ('a', 1): {'cell': 'a', 'seed': 1, 'score': 2},
    }
    assert run_cells(str(script), list(expected), tmp_path, 1) == expected
    assert [json.loads(line) for line in log.read_text().splitlines()] == list(expected.values())


def test_a_cell_that_failed_is_named(tmp_path):
    script = tmp_path / 'script.py'
    script.write_text('raise SystemExit(3)')
    with pytest.raises(CellError, match=r"'a', '--seed', '0'\] ended with exit code 3"):
        run_cells(str(script), [('a', 0)], tmp_path, 1)
