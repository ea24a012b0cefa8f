# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from parl_files.config_file import ConfigError
from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.sampling.sampling_config import SamplingConfig

NAMES = ('a', 'b', 'c')


def learn(config, folder, episodes):
    loop = LearningLoop(config, NAMES, seed=0, folder=folder)
    loop.begin_round(episodes)
    while not loop.idle:
        loop.advance()
    return loop


def test_a_loop_takes_samples_from_shards_and_finds_them_again(learning, new_episode, tmp_path):
    config = learning(policy_class='seeded_policy:SeededTestPolicy', policy={})
    episodes = [new_episode('d0'), new_episode('d1', seed=1)]
    candidates = []
    for folder in (tmp_path, None, tmp_path):
        loop = learn(config, folder, episodes)
        candidates.append(loop.cache.state_dict()['candidates'])
    assert len(candidates[0]) == len(loop.replay.observations)
    assert all(torch.equal(candidates[0], each) for each in candidates[1:])
    assert loop.policy.drawn == 0  # the third found all
    assert len(list((tmp_path / 'samples').iterdir())) == 2  # a shard, and the version's mark


def test_workers_for_a_policy_that_they_cannot_sample_are_refused(learning):
    config = learning(sampling=SamplingConfig(workers=2))
    with pytest.raises(ConfigError, match=r"'diffusion' has no `draw` .*leave the section out"):
        LearningLoop(config, NAMES, seed=0)


@pytest.mark.parametrize('wrong', [{'workers': -1}, {'staleness': -1}, {'address': 'a:1'}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SamplingConfig(**wrong)
