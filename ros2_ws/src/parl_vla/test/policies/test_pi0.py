# SPDX-License-Identifier: Apache-2.0
"""π0 beyond what every policy must do: what it sees and reads, and transformers' own figures."""

from policy_conformance import generator, numbers
import pytest
from small_pi0 import actor_config, CAMERAS, CHUNK, observations, ORDER, STATISTICS, write_pi0
import torch

from parl_files.config_file import ConfigError
from parl_policy.acting.actor_file import load_actor, version_to_bytes
from parl_policy.policy import ActionSpec
from parl_vla.openvla.checkpoint import CheckpointError
from parl_vla.pi0.base import load_base
from parl_vla.pi0.pixels import pixels
from parl_vla.pi0.prompt import Prompt
from parl_vla.policies.pi0 import Pi0Policy, Pi0PolicyConfig

SPEC = ActionSpec(horizon=CHUNK, dim=3, binary=(2,))


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_pi0(tmp_path_factory.mktemp('pi0'), STATISTICS)


def pi0(folder, spec=SPEC, numbers=4, **more):
    return Pi0Policy(numbers, spec, Pi0PolicyConfig(model=str(folder), pictures=CAMERAS, **more))


def test_it_denoises_as_transformers_does(folder):
    """Its k samples behind one reading are those of transformers with the same noise."""
    policy = pi0(folder, cameras=ORDER)
    states = observations(numbers(2))
    noise = torch.randn(2, 3, *policy.chunk, generator=generator())
    with torch.no_grad():
        context = policy.encode(states)
        ours = policy.denoise(context, noise)
    ids, counts = policy.prompt.ids(states.instructions)
    pictures = torch.stack([pixels(states.pictures[each], 28) for each in ORDER], 1)
    for sample in range(3):
        theirs = policy.network.sample_actions(
            state=context.numbers,
            input_ids=ids,
            pixel_values=pictures,
            noise=noise[:, sample],
            attention_mask=counts,
            pixel_attention_mask=torch.ones(2, 2, dtype=torch.bool),
        )
        torch.testing.assert_close(ours[:, sample], theirs)


def test_the_loss_is_that_of_transformers(folder):
    """Of a whole chunk with the same noise and times."""
    policy = pi0(folder, ActionSpec(CHUNK, 8))
    states, targets = observations(numbers(2)), torch.rand(2, 1, CHUNK * 8) - 0.5
    context = policy.encode(states)
    ours = policy.loss(context, targets, None, generator(4))
    draws = generator(4)
    noise = torch.randn(2, CHUNK, 8, generator=draws)
    theirs = policy.network(
        state=context.numbers,
        actions=targets.view(2, CHUNK, 8),
        noise=noise,
        timestep=policy.draw_times(2, draws),
        attention_mask=context.prefix.counts,
        cache=context.prefix.cache(1),
    ).loss
    torch.testing.assert_close(ours.mean(), theirs)


def test_frozen_weights_in_bfloat16(folder):
    rounded, exact = pi0(folder, precision='bfloat16'), pi0(folder)
    assert {each.dtype for each in rounded.trainable_parameters()} == {torch.float32}
    states, targets = observations(numbers(2)), torch.zeros(2, 2, SPEC.flat_dim)
    ours, expected = (
        each.loss(each.encode(states), targets, None, generator()) for each in (rounded, exact)
    )
    torch.testing.assert_close(ours, expected, rtol=0.05, atol=0.0)
    samples = rounded.sample(rounded.encode(states), 4, generator())
    assert samples.dtype == torch.float32


def test_times_follow_the_beta_distribution(folder):
    times = pi0(folder).draw_times(4000, generator())
    assert times.mean().item() == pytest.approx(0.6 * 0.999 + 0.001, abs=0.02)
    assert 0.0 < times.min() < 0.1
    assert 0.95 < times.max() <= 1.0


@pytest.mark.parametrize('camera', ORDER)
def test_it_sees_each_picture(folder, camera):
    policy, states = pi0(folder), observations(numbers(1))
    before = policy.sample(policy.encode(states), 4, generator())
    states.pictures[camera][0, :7] = 255
    assert not torch.allclose(before, policy.sample(policy.encode(states), 4, generator()))


def test_it_reads_the_instruction(folder):
    policy = pi0(folder)
    cup, spoon = (
        policy.sample(policy.encode(observations(numbers(1), f'put the {what}')), 4, generator())
        for what in ('cup', 'spoon')
    )
    assert not torch.allclose(cup, spoon)


def test_instructions_of_other_lengths_do_not_matter(folder):
    policy, texts = pi0(folder), ('put the cup on the rack', 'cup')
    both = observations(numbers(1).repeat(2, 1))
    both = type(both)(both.numbers, both.pictures, texts)
    noise = torch.randn(1, 3, *policy.chunk, generator=generator())
    together = policy.denoise(policy.encode(both), noise.repeat(2, 1, 1, 1))
    alone = policy.denoise(policy.encode(observations(numbers(1), 'cup')), noise)
    torch.testing.assert_close(together[1], alone[0])


def test_a_saved_version_sees_its_cameras_in_the_same_order(folder, tmp_path):
    """A file of a version sorts the cameras by name."""
    config = actor_config(folder, SPEC)
    policy, path = config.make_policy(), tmp_path / 'policy.safetensors'
    path.write_bytes(version_to_bytes(config, policy, 'policy', 1))
    actor, _, _ = load_actor(path, None)
    states = observations(numbers(1))
    states.pictures['wrist'][:] = 0
    first, second = (
        each.sample(each.encode(states), 4, generator()) for each in (policy, actor.policy)
    )
    assert torch.equal(first, second)
    other = actor_config(folder, SPEC, cameras=list(ORDER[::-1])).make_policy()
    assert not torch.allclose(first, other.sample(other.encode(states), 4, generator()))


def test_statistics_of_the_checkpoint(tmp_path):
    stored = {
        'state_mean': [1.0] * 4,
        'state_std': [2.0] * 4,
        'actions_mean': [0.1, 0.0, 0.0],
        'actions_std': [0.01, 0.1, 1.0],
    }
    policy = pi0(write_pi0(tmp_path, stored), normalisation='checkpoint')
    policy.fit_normalisation(numbers(50) * 9.0)
    context = policy.encode(observations(torch.full((1, 4), 3.0)))
    torch.testing.assert_close(context.numbers, torch.tensor([[1.0] * 4 + [0.0] * 4]))
    actions = policy.sample(context, 50, generator()).unflatten(-1, (CHUNK, 3))
    assert (actions[..., 0] - 0.1).abs().max() < 0.1
    with pytest.raises(CheckpointError, match='must hold 5 numbers'):
        pi0(tmp_path, numbers=5, normalisation='checkpoint')


def test_statistics_of_the_demonstrations(folder):
    policy = pi0(folder)
    seen = numbers(50) * 2.0 + 3.0
    policy.fit_normalisation(seen)
    torch.testing.assert_close(
        policy.encode(observations(seen)).numbers[:, :4].std(0), torch.ones(4)
    )


def test_what_is_too_large_is_refused(folder):
    with pytest.raises(ConfigError, match='4 control steps of an action'):
        pi0(folder, ActionSpec(CHUNK + 1, 3))
    with pytest.raises(ConfigError, match='9 numbers of an observation'):
        pi0(folder, numbers=9)


def test_a_checkpoint_that_lacks_weights_is_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    write_pi0(tmp_path, {})
    with pytest.raises(CheckpointError, match='normalisation: fitted'):
        pi0(tmp_path, normalisation='checkpoint')
    weights = load_file(tmp_path / 'model.safetensors')
    del weights['action_out_proj.weight']
    save_file(weights, tmp_path / 'model.safetensors', {'format': 'pt'})
    with pytest.raises(CheckpointError, match=r'action_out_proj\.weight'):
        load_base.__wrapped__(tmp_path, torch.float32)
    with pytest.raises(CheckpointError, match=r'config\.json'):
        pi0(tmp_path / 'missing')


def test_a_wide_picture_gets_black_borders():
    seen = pixels(torch.full((1, 14, 28, 3), 255, dtype=torch.uint8), 28)
    assert seen.shape == (1, 3, 28, 28)
    assert (seen[:, :, 7:21] == 1.0).all()
    assert (seen[:, :, :7] == -1.0).all()
    assert (seen[:, :, 21:] == -1.0).all()


def test_the_prompt(folder):
    ids, counts = Prompt(folder / 'tokenizer.json', 3, 2).ids(('put_the cup', 'cup'))
    assert ids.tolist() == [[3, 3, 1, 4, 5, 6, 10], [3, 3, 1, 6, 10, 0, 0]]
    assert counts.tolist() == [[1] * 7, [1] * 5 + [0] * 2]
