# SPDX-License-Identifier: Apache-2.0
import pytest

from parl_learner.offline.data.d4rl import read_d4rl
from parl_learner.offline.makers import kitchen as kitchen_data
from parl_learner.offline.makers import point_maze as point_maze_data


@pytest.fixture
def run(monkeypatch):
    """Runs a program as its command line does."""

    def run_program(program, *arguments):
        monkeypatch.setattr('sys.argv', [program.__name__, *map(str, arguments)])
        program.main()

    return run_program


def test_a_folder_is_made_and_gets_the_data(run, tmp_path, capsys):
    run(point_maze_data, tmp_path / 'data', '--walks', 2, '--seed', 3)
    path = tmp_path / 'data/point_maze_stitched.hdf5'
    assert len(read_d4rl(path, 'flags')) == 2
    assert capsys.readouterr().out == f'2 walks in {path}\n'


@pytest.mark.parametrize(
    ('program', 'arguments', 'message'),
    [
        (point_maze_data, ['/proc/nowhere'], 'error: could not write /proc/nowhere'),
        (point_maze_data, ['--walks', '0'], "--walks: '0' is not a whole number of at least 1"),
        (point_maze_data, ['--seed', '-1'], "--seed: '-1' is not a whole number of at least 0"),
        (kitchen_data, [], 'kitchen-complete-v0_0.tfrecord: [Errno 2] No such file'),
        (kitchen_data, ['--replays', '0'], "--replays: '0' is not a whole number"),
    ],
)
def test_a_users_error_is_said_in_words(run, tmp_path, capsys, program, arguments, message):
    folder = [] if arguments and arguments[0].startswith('/') else [tmp_path]
    with pytest.raises(SystemExit) as stop:
        run(program, *folder, *arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
