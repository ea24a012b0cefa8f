# SPDX-License-Identifier: Apache-2.0
import pytest
import success_over_seeds


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--seeds', '0'], "argument --seeds: '0' is not a whole number of at least 1"),
        (['--workers', '-1'], "argument --workers: '-1' is not a whole number of at least 1"),
        (['cup_to_rac'], "experiment 'cup_to_rac': cannot read"),
    ],
)
def test_arguments_that_cannot_be_run_are_named(monkeypatch, capsys, tmp_path, arguments, message):
    folder = tmp_path / 'runs'
    monkeypatch.setattr('sys.argv', ['success_over_seeds.py', *arguments, '--folder', str(folder)])
    with pytest.raises(SystemExit) as stop:
        success_over_seeds.main()
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not folder.exists()
