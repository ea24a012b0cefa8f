# SPDX-License-Identifier: Apache-2.0
import dataclasses
import math

import numpy as np
import pytest
import torch

from parl_files.config_file import ConfigError
from parl_files.episode import EpisodeError
from parl_learner.loop.checkpoint import load_checkpoint, save_checkpoint
from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.training.dppo import clipped_loss, DppoConfig, generalised_advantages
from parl_learner.training.policy_trainer import PolicyTrainerConfig

NAMES = ('a', 'b', 'c')


@pytest.fixture
def dppo(learning):
    """Makes a loop that has imitated two demonstrations."""

    def make(new_episode, **changes):
        settings = {
            'method': 'dppo',
            'policy': {'hidden': 16, 'blocks': 1, 'ema_rate': 1.0, 'least_std': 0.1},
        }
        loop = LearningLoop(learning(**(settings | changes)), NAMES, seed=0)
        work(loop, [new_episode('d0'), new_episode('d1', outcome='timeout', seed=1)])
        return loop

    return make


def work(loop, episodes):
    loop.begin_round(episodes)
    while not loop.idle:
        loop.advance()


def test_advantages_by_hand():
    """γ = 0.5, λ = 0.5; errors -1 + 0.5·4 - 2 = -1 and, after a success, 0 - 4 = -4."""
    found = generalised_advantages(
        torch.tensor([-1.0, 0.0]), torch.tensor([0.5, 0.0]), torch.tensor([2.0, 4.0, 9.0]), 0.5
    )
    torch.testing.assert_close(found, torch.tensor([-1.0 + 0.25 * -4.0, -4.0]))


def test_a_time_out_bootstraps():
    found = generalised_advantages(
        torch.tensor([-1.0]), torch.tensor([0.5]), torch.tensor([2.0, 8.0]), 0.9
    )
    assert found.item() == -1.0 + 0.5 * 8.0 - 2.0


def test_clipped_loss_by_hand():
    """Two denoising steps, discount 0.5: advantage 2 weighs 1 in the first step, 2 in the last."""
    log_ratios = torch.tensor([[math.log(2.0)], [math.log(0.5)]])
    loss = clipped_loss(log_ratios, torch.tensor([2.0]), clip=0.1, denoising_discount=0.5)
    assert loss.item() == pytest.approx(-(1.1 * 1.0 + 0.5 * 2.0) / 2.0)
    loss = clipped_loss(log_ratios, torch.tensor([-2.0]), clip=0.1, denoising_discount=0.5)
    assert loss.item() == pytest.approx(-(2.0 * -1.0 + 0.9 * -2.0) / 2.0)


def test_density_of_a_chain_is_that_of_its_gaussian_draws(new_episode, dppo):
    policy = dppo(new_episode).policy.eval()
    context = policy.encode(torch.randn(3, 3))
    draws = torch.Generator().manual_seed(5)
    chain = policy.denoising_chain(policy.network, context, 2, draws)
    found = policy.chain_log_probs(policy.network, context, chain)
    assert found.shape == (5, 3, 2)
    again = torch.Generator().manual_seed(5)
    noise = [torch.randn(3, 2, 7, generator=again) for _ in range(6)][1:]
    for step, z in enumerate(noise):
        std = policy.stds[4 - step]
        expected = (-0.5 * z.square() - std.log() - 0.5 * math.log(2.0 * math.pi)).sum(-1)
        torch.testing.assert_close(found[step], expected, atol=1e-3, rtol=1e-4)


def test_before_the_first_update_nothing_has_changed(new_episode, played, dppo):
    """Ratios of 1: the chains drawn again are those of the acting policy."""
    loop = dppo(new_episode)
    loop.begin_round([played(loop.policy)])
    kept = loop.method.state_dict()
    context = loop.policy.encode(loop.replay.observations[kept['round/rows']])
    chains = kept['round/chains'].transpose(0, 1).unsqueeze(2)
    found = loop.policy.chain_log_probs(loop.policy.network, context, chains).squeeze(2)
    torch.testing.assert_close(found.t(), kept['round/log_probs'])


def test_steps_of_an_operator_are_left_out(new_episode, played, dppo):
    """As the node records them: the operator's action costs the policy no draw."""
    loop = dppo(new_episode)
    whole = played(loop.policy, length=4)
    actions = np.insert(whole.actions, 2, 0.5, axis=0)[:4]
    observations = np.insert(whole.observations, 2, 0.0, axis=0)[:5]
    episode = dataclasses.replace(
        whole,
        observations=observations,
        actions=actions,
        proposed_actions=actions,
        policy_versions=['v', 'v', '', 'v', ''],
    )
    loop.begin_round([episode])
    assert len(loop.method.state_dict()['round/advantages']) == 3


def test_a_time_out_does_not_look_like_a_success_in_the_first_round(new_episode, played, dppo):
    """A value of 0 would bootstrap a time-out with the best there is."""
    loop = dppo(new_episode)
    outcomes = ('success', 'timeout')
    names = [f'p{i}' for i in range(2)]
    pairs = zip(names, outcomes, strict=True)
    loop.begin_round([played(loop.policy, name, outcome) for name, outcome in pairs])
    success, timeout = loop.method.state_dict()['round/advantages'].split(10)
    assert success[-3:].mean() > timeout[-3:].mean() + 5.0


def test_another_policy_s_episode_is_refused(new_episode, played, dppo):
    loop, other = dppo(new_episode), dppo(new_episode, imitation_steps=7)
    with pytest.raises(EpisodeError, match=r'episode p0, step 0: .* another version acted'):
        loop.begin_round([played(other.policy)])


def test_an_episode_without_seed_is_refused(new_episode, dppo):
    with pytest.raises(EpisodeError, match='keeps no seed'):
        dppo(new_episode).begin_round([new_episode('p0', 'practice')])


@pytest.mark.parametrize('policy', [{'least_std': 0.1}, {'ema_rate': 1.0}])
def test_policies_without_a_density_or_with_an_average_are_refused(learning, policy):
    with pytest.raises(ConfigError, match=r'policy\.least_std above 0'):
        LearningLoop(learning(method='dppo', policy=policy), NAMES, seed=0)
    pieces = learning(method='dppo', policy_trainer=PolicyTrainerConfig(micro_batch=3))
    with pytest.raises(ConfigError, match=r"'dppo' takes a batch whole, but .*micro_batch is 3"):
        LearningLoop(pieces, NAMES, seed=0)


def test_the_policy_moves_to_the_actions_that_pay(new_episode, played, dppo):
    """Reward 0 and success where the first entry is above 0, else -1 and a time-out."""
    for seed in range(3):
        loop = dppo(
            new_episode,
            discount=0.0,
            imitation_batch_size=48,
            policy={'hidden': 64, 'blocks': 1, 'ema_rate': 1.0, 'least_std': 0.1},
            policy_trainer=PolicyTrainerConfig(distillation_learning_rate=3e-3),
            dppo=DppoConfig(clip=0.3),
        )
        assert share_above(loop.policy) < 0.75
        for index in range(8):
            seeds = range(1000 * seed + 100 * index, 1000 * seed + 100 * index + 48)
            work(loop, [judged(played(loop.policy, f'p{s}', length=1, seed=s)) for s in seeds])
        assert share_above(loop.policy) > 0.8


def judged(episode):
    if episode.actions[0, 0] > 0.0:
        return dataclasses.replace(
            episode, outcome='success', rewards=[0.0], terminated=[True], truncated=[False]
        )
    return dataclasses.replace(
        episode, outcome='timeout', rewards=[-1.0], terminated=[False], truncated=[True]
    )


def share_above(policy):
    context = policy.encode(torch.randn(20, 3, generator=torch.Generator().manual_seed(1)))
    actions = policy.sample(context, 100, torch.Generator().manual_seed(0))
    return (actions[..., 0] > 0.0).float().mean().item()


def test_a_round_goes_on_after_a_restart(new_episode, played, dppo, tmp_path):
    loop, other = dppo(new_episode), dppo(new_episode)
    episode = played(loop.policy)
    loop.begin_round([episode])
    loop.advance()
    save_checkpoint(tmp_path / 'c', loop, [])
    other.resume([[], [episode]])
    load_checkpoint(tmp_path / 'c', other)
    for each in (loop, other):
        load_checkpoint(tmp_path / 'c', each)  # the draws of both begin here
        while not each.idle:
            each.advance()
    assert loop.counters == other.counters
    for key, value in loop.policy.state_dict().items():
        torch.testing.assert_close(value, other.policy.state_dict()[key])
