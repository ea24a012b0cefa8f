# SPDX-License-Identifier: Apache-2.0
import h5py
import numpy as np
import pytest
import torch

from parl_learner.methods.method_files import METHOD_FILES
from parl_learner.offline.data.d4rl import read_d4rl, write_d4rl
from parl_learner.offline.makers.point_maze import CORRIDOR, make_walks, WALK_STEPS
from parl_learner.offline.run.train import main
from parl_learner.offline.run.training_files import load_training

TINY = [
    'learning.policy={hidden: 8, blocks: 1}',
    'learning.imitation_steps=3',
    'learning.offline_critic_steps=3',
    'learning.critic.hidden=[8, 8]',
    'learning.optimisation={samples: 3, particles: 2, gradient_steps: 1}',
    'evaluation_episodes=2',
    'environment.max_steps=5',
    'warm_up_episodes=1',
    'practice_episodes=1',
]
SMALL_POLICIES = {
    'autoregressive': 'learning.policy={hidden: 8, layers: 1, heads: 2, bins: 8}',
    'diffusion_ql': TINY[0],
    'gaussian_cal_ql': 'learning.policy={hidden: [8]}',
    'idql': TINY[0],
}


@pytest.fixture(scope='session')
def walks(tmp_path_factory):
    """A data folder with a few walks."""
    config = load_training('point_maze_stitched')
    folder = tmp_path_factory.mktemp('data')
    write_d4rl(folder / config.dataset.file, make_walks(config.environment, 12, seed=1))
    return folder


def test_walks_are_short_pieces_of_the_way(walks):
    episodes = read_d4rl(walks / 'point_maze_stitched.hdf5', 'flags')
    assert len(episodes) == 12
    assert max(len(e) for e in episodes) == WALK_STEPS
    # The whole way is six cells of 1 m long.
    for episode in episodes:
        moved = np.linalg.norm(episode.next_observations[-1, :2] - episode.observations[0, :2])
        assert moved < (len(CORRIDOR) - 1) / 2


def test_check_prints_the_data_and_trains_nothing(walks, tmp_path, capsys):
    run = str(tmp_path / 'run')
    assert main(['point_maze_stitched', '--data', str(walks), '--check', '--out', run]) == 0
    printed = capsys.readouterr().out
    assert '12 of ' in printed
    assert 'the data fits the configuration' in printed
    assert not (tmp_path / 'run').exists()


def test_it_trains_practises_and_prints_a_row(walks, tmp_path, capsys):
    arguments = ['point_maze_stitched', '--data', str(walks), '--out', str(tmp_path / 'run')]
    for change in TINY:
        arguments += ['--set', change]
    assert main(arguments) == 0
    assert '| point_maze_stitched | 0 |' in capsys.readouterr().out
    assert (tmp_path / 'run/result.json').exists()


@pytest.mark.parametrize('method', sorted(METHOD_FILES))
def test_other_methods_practise_too(walks, tmp_path, capsys, method):
    arguments = ['point_maze_stitched', '--method', method, '--data', str(walks)]
    for change in (*TINY[1:], SMALL_POLICIES[method], 'learning.imitation_batch_size=8'):
        arguments += ['--set', change]
    assert main([*arguments, '--out', str(tmp_path / 'run')]) == 0
    assert f'| point_maze_stitched-{method} | 0 |' in capsys.readouterr().out


USER_ERRORS = {
    'not_yaml': (
        ['--set', 'learning.policy={hidden: '],
        'policy={hidden: : line 1: ',
    ),
    'no_learning': (['--set', 'learning=null'], 'learning is missing'),
    'no_method': (['--method', 'magic'], "no method 'magic'"),
    'no_environment': (['--set', 'environment.id=Nope-v0'], 'NameNotFound'),
    'no_package': (['--set', 'environment.package=nope'], 'ModuleNotFoundError'),
    'binary': (['--set', 'binary_actions=[2]'], 'binary-actions: '),
    'support': (['--set', 'learning.critic.support=[-40.0, 0.0]'], 'support: values reach'),
    'no_module': (['--set', 'learning.policy_class=foo:Bar'], "policy class 'foo:Bar'"),
    'no_class': (['--set', 'learning.policy_class=os:getcwd'], "policy class 'os:getcwd'"),
    'one_bin': (['--set', 'learning.critic.bins=1'], '>= 2 bins'),
    'width': (['--set', 'learning.critic.hidden=[-3]'], 'hidden must be widths of at least 1'),
    'nan': (['--set', 'learning.discount=.nan'], 'discount is nan; give a finite number'),
    'arguments': (['--set', 'environment.arguments=3'], 'arguments is 3; give a mapping'),
}


@pytest.mark.parametrize('case', USER_ERRORS)
def test_a_users_error_is_said_in_words(walks, tmp_path, capsys, case):
    arguments, message = USER_ERRORS[case]
    arguments = ['point_maze_stitched', '--data', str(walks), *arguments]
    for more in (['--check'], ['--out', str(tmp_path / 'run')]):
        assert main([*arguments, *more]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / 'run').exists()


def test_bfloat16_without_such_products_is_refused_before_the_data_is_read(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(torch.cpu, 'get_capabilities', dict)
    change = ['--set', 'learning.optimisation.precision=bfloat16']
    arguments = ['point_maze_stitched', '--data', str(tmp_path / 'absent'), *change]
    assert main([*arguments, '--device', 'cpu', '--out', str(tmp_path / 'run')]) == 2
    assert "learning.optimisation.precision is 'bfloat16', but " in capsys.readouterr().err


def test_data_for_a_learner_in_bfloat16_is_checked_anywhere(walks, monkeypatch):
    monkeypatch.setattr(torch.cpu, 'get_capabilities', dict)
    change = ['--set', 'learning.optimisation.precision=bfloat16']
    arguments = ['point_maze_stitched', '--data', str(walks), *change]
    assert main([*arguments, '--device', 'cpu', '--check']) == 0


@pytest.mark.parametrize('threads', ['0', 'x'])
def test_no_threads_are_refused(walks, capsys, threads):
    with pytest.raises(SystemExit, match='2'):
        main(['point_maze_stitched', '--data', str(walks), '--threads', threads])
    words = f"--threads: '{threads}' is not a whole number of at least 1"
    assert words in capsys.readouterr().err


def test_a_folder_that_cannot_be_used_is_said_in_words(walks, tmp_path, capsys, monkeypatch):
    arguments = ['point_maze_stitched', '--data', str(walks), '--out', str(tmp_path / 'run')]
    for change in TINY:
        arguments += ['--set', change]

    def refused_with(message):
        assert main(arguments) == 2
        return message in capsys.readouterr().err

    def no_room(descriptor):
        raise OSError(28, 'No space left on device')

    (tmp_path / 'run').write_text('')
    assert refused_with('choose another with --out')
    (tmp_path / 'run').unlink()
    with monkeypatch.context() as patch:
        patch.setattr('os.fsync', no_room)
        assert refused_with('No space left on device')
    (tmp_path / 'run/result.json').write_text('')
    assert refused_with('result.json is damaged')
    (tmp_path / 'run/result.json').unlink()
    assert main(arguments) == 0
    (tmp_path / 'run/learner.checkpoint').write_bytes(b'')
    assert refused_with('learner.checkpoint')


def test_wrong_data_is_refused_with_every_finding(walks, tmp_path, capsys):
    path = tmp_path / 'point_maze_stitched.hdf5'
    path.write_bytes((walks / path.name).read_bytes())
    with h5py.File(path, 'r+') as file:
        file['actions'][0] = 3.0
        file['rewards'][:] = 0.0
    assert main(['point_maze_stitched', '--data', str(tmp_path)]) == 2
    errors = capsys.readouterr().err
    assert 'action-range: ' in errors
    assert 'no-success: ' in errors
    assert main(['point_maze_stitched', '--data', str(tmp_path / 'nowhere')]) == 2
    assert 'PARL_DATA' in capsys.readouterr().err
