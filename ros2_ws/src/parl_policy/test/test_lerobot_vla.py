# SPDX-License-Identifier: Apache-2.0
"""Pictures and the instruction on their way to a LeRobot policy in another process, and back."""

from pathlib import Path
import socket
import threading

import pytest
import torch

from parl_policy.observations import needs_of, Observations, PictureConfig
from parl_policy.policy import ActionSpec

EXAMPLES = Path(__file__).parents[1] / 'examples'
CAMERAS = {name: PictureConfig(size=(4, 6)) for name in ('camera', 'wrist')}
SPEC = ActionSpec(2, 3, binary=(2,))


class ServerThread(threading.Thread):
    """Stands for the server's process."""

    def __init__(self, served):
        super().__init__(daemon=True)
        self.served = served
        self.ours, self.theirs = socket.socketpair()

    def run(self):
        import policy_server

        with self.theirs:
            policy_server.serve(self.served, self.theirs)

    def wait(self, timeout):
        self.join(timeout)


@pytest.fixture
def served(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    import fake_lerobot_vla as fake
    import lerobot_vla

    torch.manual_seed(0)
    policy = fake.FakeSmolVLA(4, 3, SPEC.dim)
    return lerobot_vla.LeRobotVLA(policy, fake.preprocess, fake.postprocess, 2, r'^expert')


@pytest.fixture
def remote(served, monkeypatch):
    import remote_policy

    def start(config):
        server = ServerThread(served)
        server.start()
        return server.ours, server

    monkeypatch.setattr(remote_policy, 'start_server', start)
    config = remote_policy.RemotePolicyConfig(
        interpreter='none', script='none', pictures=CAMERAS, reads_instruction=True
    )
    assert needs_of(config).pictures == CAMERAS
    assert needs_of(config).instruction
    policy = remote_policy.RemotePolicy(4, SPEC, config)
    yield policy
    policy.close()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def states(count=2, instruction='lift the cup'):
    draws = generator(5)
    pictures = {
        name: torch.randint(256, (count, 4, 6, 3), generator=draws, dtype=torch.uint8)
        for name in CAMERAS
    }
    numbers = torch.randn(count, 4, generator=draws)
    return Observations(numbers, pictures, (instruction,) * count)


def test_samples_are_those_of_the_policy_in_the_datasets_units(remote, served):
    import fake_lerobot_vla as fake

    observations = states()
    samples = remote.sample(remote.encode(observations), 3, generator(1))
    assert samples.shape == (2, 3, 6)
    assert torch.equal(samples, remote.sample(observations, 3, generator(1)))
    seed = int(torch.randint(2**62, (), generator=generator(1)))  # as the client draws it
    noise = torch.randn(6, 3, fake.PADDED, generator=generator(seed))
    batch = {
        'observation.state': observations.numbers[1:],
        'task': ['lift the cup'],
        **{
            f'observation.images.{name}': each[1:].permute(0, 3, 1, 2) / 255.0
            for name, each in observations.pictures.items()
        },
    }
    chunk = served.policy.predict_action_chunk(fake.preprocess(batch), noise=noise[4:5])
    expected = SPEC.snap((chunk[0, :2].flatten() * 0.8).clamp(-1.0, 1.0))
    torch.testing.assert_close(samples[1, 1], expected)


@pytest.mark.parametrize('camera', CAMERAS)
def test_each_camera_arrives(remote, camera):
    before = remote.sample(states(), 4, generator())
    changed = states()
    changed.pictures[camera][:] = 0
    assert not torch.allclose(before, remote.sample(changed, 4, generator()))


def test_the_instruction_arrives(remote):
    before = remote.sample(states(), 4, generator())
    other = remote.sample(states(instruction='drop it'), 4, generator())
    assert not torch.allclose(before, other)


def test_the_loss_is_the_policys_own_and_leaves_torchs_generator_alone(remote):
    targets, before = torch.rand(2, 3, 6) - 0.5, torch.get_rng_state()
    loss = remote.loss(states(), targets, None, generator())
    assert torch.equal(loss, remote.loss(states(), targets, None, generator()))
    assert not torch.equal(loss, remote.loss(states(), targets, None, generator(1)))
    assert torch.equal(torch.get_rng_state(), before)
    one_hot = torch.eye(3)
    each = [remote.loss(states(), targets, one_hot[[i, i]], generator()) for i in range(3)]
    torch.testing.assert_close(sum(each) / 3, loss)


def test_it_learns_an_action_and_only_what_may_learn(remote, served):
    assert {name.partition('/')[0] for name in remote.state_dict()} == {'expert'}
    frozen = served.policy.vlm.weight.clone()
    observations = states(1)[torch.zeros(32, dtype=torch.long)]
    target = torch.tensor([0.5, -0.4, 1.0, -0.3, 0.2, -1.0])
    optimiser, draws = torch.optim.Adam(remote.trainable_parameters(), lr=3e-3), generator()
    for _ in range(300):
        loss = remote.loss(observations, target.expand(32, 1, 6), None, draws).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        remote.after_update()
    samples = remote.sample(observations[:1], 64, generator())
    assert (samples - target).abs().mean() < 0.2
    assert torch.equal(served.policy.vlm.weight, frozen)


def test_numbers_alone_do_too(served):
    samples = served.sample(torch.zeros(2, 4), 3, generator())
    assert samples.shape == (2, 3, 6)


def test_a_policy_whose_chunk_is_too_short_is_refused(served):
    import lerobot_vla

    with pytest.raises(ValueError, match='chunk_size of 4'):
        lerobot_vla.LeRobotVLA(served.policy, None, None, 4)
