# SPDX-License-Identifier: Apache-2.0
import dataclasses
import shutil

import numpy as np
import pytest
import torch

from parl_files.config_file import ConfigError
from parl_learner.loop.checkpoint import CheckpointError
from parl_learner.offline.data.dataset import DatasetConfig
from parl_learner.offline.data.reward_convention import RewardConvention
from parl_learner.offline.environments.environment import EnvironmentConfig
from parl_learner.offline.environments.play import play
from parl_learner.offline.run.run_folder import RunFolderError
from parl_learner.offline.run.training_config import TrainingConfig
from parl_learner.offline.run.training_result import load_result
from parl_learner.offline.run.training_run import TrainingRun
from parl_policy.acting.weights_file import load_weights, weights_to_bytes

CORRIDOR = EnvironmentConfig(id='Corridor-v0', max_steps=6)


@pytest.fixture(scope='module')
def data():
    """Two walks to the end and two that dither."""
    draws = np.random.default_rng(0)

    def act(observations):
        return draws.uniform(-0.2, 1.0, (len(observations), 1)).astype(np.float32)

    episodes = play(
        [CORRIDOR.make()],
        act,
        range(8),
        max_steps=6,
        reset_options={'start': 0.5},
        convention=RewardConvention(),
        purpose='demonstration',
        name='data',
    )
    return [episode.trajectory for episode in episodes]


@pytest.fixture(scope='module')
def config(learning):
    return TrainingConfig(
        name='corridor',
        dataset=DatasetConfig(file='none', format='d4rl'),
        environment=CORRIDOR,
        learning=learning(discount=0.9),
        warm_up_episodes=2,
        practice_episodes=4,
        episodes_per_round=1,
        evaluation_episodes=3,
        rounds_per_evaluation=2,
        parallel_environments=2,
    )


@pytest.fixture(scope='module')
def folder_of_whole(tmp_path_factory):
    return tmp_path_factory.mktemp('whole')


@pytest.fixture(scope='module')
def whole(config, data, folder_of_whole):
    """A run to the end, what it gave and what it said."""
    said = []
    run = TrainingRun(config, data, folder_of_whole, said.append)
    return run, run.run(), said


@pytest.fixture
def finished(whole, folder_of_whole, tmp_path):
    """A copy of that run's folder."""
    return shutil.copytree(folder_of_whole, tmp_path / 'finished')


class KilledError(Exception):
    pass


def weights(run):
    return torch.cat([p.flatten() for p in run.loop.critic_trainer.critic.parameters()])


def test_a_run_trains_practises_and_is_evaluated(config, data, whole):
    run, result, said = whole
    assert config.practice_rounds == [2, 1, 1]
    evaluated = [(e.round, e.actor) for e in result.evaluations]
    assert evaluated == [(n, a) for n in (0, 2, 3) for a in ('policy', 'optimised')]
    practised = len(run.loop.replay) - sum(len(t) for t in data)
    assert result.evaluations[-1].practice_steps == practised
    assert run.loop.counters.critic_steps == config.learning.offline_critic_steps + practised
    assert sum('optimised: score' in text for text in said) == 3


@pytest.mark.parametrize('units', [1, 6, 13, 25])
def test_a_killed_run_ends_as_if_nothing_had_happened(config, data, tmp_path, whole, units):
    run, expected, _ = whole

    class Dying(TrainingRun):
        CHECKPOINT_EVERY_S = 0.0
        left = units

        def _work(self):
            if self.left == 0:
                raise KilledError
            self.left -= 1
            super()._work()

    with pytest.raises(KilledError):
        Dying(config, data, tmp_path / 'killed', lambda _: None).run()
    resumed = TrainingRun(config, data, tmp_path / 'killed', lambda _: None)
    found = resumed.run()
    assert found.evaluations == expected.evaluations
    assert found.distillations == expected.distillations
    torch.testing.assert_close(weights(resumed), weights(run), rtol=0.0, atol=0.0)


def test_a_finished_run_is_not_done_again(config, data, whole, finished):
    _, first, _ = whole
    said = []
    assert TrainingRun(config, data, finished, said.append).run().evaluations == first.evaluations
    assert said == []


def test_another_configuration_is_refused(config, data, finished):
    changed = dataclasses.replace(config, evaluation_episodes=5)
    with pytest.raises(CheckpointError, match=r'evaluation_episodes was \d+ and is 5'):
        TrainingRun(changed, data, finished, lambda _: None)


def test_a_configuration_that_is_refused_leaves_nothing_behind(config, learning, data, tmp_path):
    wrong = learning(policy_class='no_such_module:Policy')
    with pytest.raises(ConfigError, match='no_such_module'):
        TrainingRun(
            dataclasses.replace(config, learning=wrong), data, tmp_path / 'run', lambda _: None
        )
    assert not (tmp_path / 'run').exists()


def test_a_run_of_another_kind_of_device_is_named(config, data, finished):
    path = finished / 'learner.checkpoint'
    tensors, metadata = load_weights(path)
    tensors['random'] = tensors['random'][:16]  # as long as a GPU's
    path.write_bytes(weights_to_bytes(tensors, metadata))
    with pytest.raises(CheckpointError, match="on another kind of device than 'cpu'"):
        TrainingRun(config, data, finished, lambda _: None)


def test_other_data_is_refused(config, data, tmp_path):
    class Dying(TrainingRun):
        def _work(self):
            raise KilledError

    with pytest.raises(KilledError):
        Dying(config, data, tmp_path / 'killed', lambda _: None).run()
    for other in (data[:-1], [*data, data[0]], data[::-1]):
        with pytest.raises(CheckpointError, match='other offline data'):
            TrainingRun(config, other, tmp_path / 'killed', lambda _: None)
    TrainingRun(config, data[:-1], tmp_path / 'short', lambda _: None).run()
    checkpoint = tmp_path / 'short/learner.checkpoint'
    (tmp_path / 'killed/learner.checkpoint').write_bytes(checkpoint.read_bytes())
    with pytest.raises(CheckpointError, match=r'from other offline data than result\.json'):
        TrainingRun(config, data, tmp_path / 'killed', lambda _: None)


def test_two_runs_do_not_share_a_folder(config, data, tmp_path):
    first = TrainingRun(config, data, tmp_path, lambda _: None)
    with pytest.raises(RunFolderError, match='another run is using'):
        TrainingRun(config, data, tmp_path, lambda _: None)
    first.run()
    TrainingRun(config, data, tmp_path, lambda _: None).run()


@pytest.mark.parametrize(
    ('changes', 'practises', 'evaluates'),
    [
        ({}, True, ['policy', 'optimised']),
        ({'acting': 'policy'}, False, ['policy', 'optimised']),  # π_opt is what PA-RL is about
        ({'method': 'imitation', 'acting': 'policy'}, False, ['policy']),
        ({'method': 'filtered_imitation'}, False, ['policy']),
    ],
)
def test_who_practises_and_who_is_evaluated(
    config, learning, data, tmp_path, monkeypatch, changes, practises, evaluates
):
    plays = []

    def listen(environments, act, seeds, *, purpose, **rest):
        plays.append((purpose, act.actor.critic is not None, tuple(seeds)))
        return play(environments, act, seeds, purpose=purpose, **rest)

    monkeypatch.setattr('parl_learner.offline.run.player.play', listen)
    config = dataclasses.replace(config, learning=learning(discount=0.9, **changes))
    result = TrainingRun(config, data, tmp_path, lambda _: None).run()
    practice = [play for play in plays if play[0] == 'practice']
    evaluation = [play for play in plays if play[0] == 'evaluation']
    assert [optimised for _, optimised, _ in practice] == [practises] * 3
    assert [e.actor for e in result.evaluations] == evaluates * 3
    assert [optimised for _, optimised, _ in evaluation] == [
        e.actor == 'optimised' for e in result.evaluations
    ]
    starts = [seed for _, _, seeds in practice for seed in seeds]
    assert len(set(starts)) == 4
    assert {len(seeds) for _, _, seeds in evaluation} == {3}
    assert len({seeds for _, _, seeds in evaluation}) == 1
    assert not set(starts) & set(evaluation[0][2])


def test_what_was_taught_is_on_record(config, learning, data, tmp_path):
    by_spread = dataclasses.replace(
        config, learning=learning(discount=0.9, smallest_spread=0.0), practice_episodes=3
    )
    said = []

    class Talking(TrainingRun):
        SAY_EVERY_S = 0.0

    run = Talking(by_spread, data, tmp_path / 'low', said.append)
    result = run.run()
    assert [(d.round, d.target) for d in result.distillations] == [(1, 'softmax'), (2, 'softmax')]
    spread = run.loop.counters.distillation_spread
    assert result.distillations[-1].spread == spread > 0.0
    assert load_result(tmp_path / 'low/result.json') == result
    assert any(f'spread {spread:.3g} teaches softmax' in line for line in said)
    assert not any('teaches' in line for line in said if line.startswith('round 0'))
    assert result.distillations[-1].changed_token_share is None
    tokens = {
        'policy_class': 'autoregressive',
        'policy': {'bins': 8, 'layers': 1, 'heads': 1, 'hidden': 8},
    }
    settings = learning(discount=0.9, smallest_spread=1e9, **tokens)
    high = dataclasses.replace(by_spread, learning=settings)
    result = Talking(high, data, tmp_path / 'high', said.append).run()
    assert [d.target for d in result.distillations] == ['argmax', 'argmax']
    share = result.distillations[-1].changed_token_share
    assert 0.0 <= share <= 1.0
    assert load_result(tmp_path / 'high/result.json') == result
    assert any(f'teaches argmax with {100 * share:.0f} % new tokens' in line for line in said)


def test_without_an_environment_it_trains_offline_only(config, data, tmp_path):
    offline = dataclasses.replace(config, environment=None, practice_episodes=0)
    run = TrainingRun(offline, data, tmp_path, lambda _: None)
    assert run.run().evaluations == []
    assert run.loop.counters.version == 1
