# SPDX-License-Identifier: Apache-2.0
"""The table is whole, and what was not measured says so."""

import pytest

from vla import vla
from vla.measures import MEASURES


def test_the_small_model_is_measured_and_the_gpu_says_not_run(monkeypatch, capsys):
    arguments = ['--device', 'cpu', '--repeats', '1', '--batch', '1']
    monkeypatch.setattr('sys.argv', ['vla.py', *arguments])
    vla.main()
    rows = capsys.readouterr().out.splitlines()[2:]
    assert len(rows) == len(MEASURES)
    for row, name in zip(rows, MEASURES, strict=True):
        _, head, small, full, _ = row.split('|')
        assert (head.strip(), full.strip()) == (name, 'not run')
        assert any(letter.isdigit() for letter in small)


@pytest.mark.parametrize('option', ['--repeats', '--batch'])
def test_numbers_that_measure_nothing_are_refused(monkeypatch, capsys, option):
    monkeypatch.setattr('sys.argv', ['vla.py', option, '0'])
    with pytest.raises(SystemExit):
        vla.main()
    assert f"{option}: '0' is not a whole number of at least 1" in capsys.readouterr().err
