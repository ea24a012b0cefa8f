# SPDX-License-Identifier: Apache-2.0
"""The examples beyond what every policy must do: test_policy_conformance.py runs them too."""

import ast
from pathlib import Path
import sys
from types import SimpleNamespace

import pytest
import torch

from parl_policy.policy import ActionSpec

EXAMPLES = Path(__file__).parents[1] / 'examples'
SERVER = Path(__file__).parent / 'fake_lerobot_server.py'


@pytest.fixture(scope='module', autouse=True)
def examples_on_path():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        yield


def start():
    """A policy in another process, O = 4, two steps of three numbers."""
    import remote_policy

    config = remote_policy.RemotePolicyConfig(
        interpreter=sys.executable, script=str(SERVER), arguments=('4', '6')
    )
    return remote_policy.RemotePolicy(4, ActionSpec(2, 3, binary=(2,)), config)


@pytest.fixture(scope='module')
def remote(examples_on_path):
    policy = start()
    yield policy
    policy.close()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def code_lines(path):
    """Lines that hold code: no comments, docstrings or blank lines."""
    tree = ast.parse(path.read_text(encoding='utf-8'))
    strings = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, node.end_lineno + 1)
    }
    lines = path.read_text(encoding='utf-8').splitlines()
    return [
        line
        for number, line in enumerate(lines, start=1)
        if number not in strings and line.strip() and not line.strip().startswith('#')
    ]


def test_wrapping_a_module_takes_less_than_40_lines():
    assert 20 < len(code_lines(EXAMPLES / 'module_policy.py')) < 40


@pytest.mark.parametrize('name', ['policy_server', 'lerobot_policy', 'lerobot_vla'])
def test_the_other_interpreter_needs_nothing_of_ours(name):
    tree = ast.parse((EXAMPLES / f'{name}.py').read_text(encoding='utf-8'))
    imported = {
        module.partition('.')[0]
        for node in ast.walk(tree)
        for module in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - sys.stdlib_module_names <= {'torch', 'lerobot', 'policy_server'}


def test_a_policy_in_another_process(remote):
    observations, targets = torch.randn(1, 4).expand(16, 4), torch.full((16, 1, 6), 0.5)
    samples = remote.sample(observations, 3, generator(1))
    assert samples.shape == (16, 3, 6)
    assert set(samples[..., [2, 5]].unique().tolist()) <= {-1.0, 1.0}
    assert torch.equal(samples, remote.sample(observations, 3, generator(1)))
    assert sorted(remote.state_dict()) == ['head/bias', 'head/weight']

    optimiser = torch.optim.Adam(remote.trainable_parameters(), lr=3e-2)
    losses = []
    for _ in range(60):
        loss = remote.loss(observations, targets, None, generator()).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        remote.after_update()
        losses.append(loss.item())
    assert losses[-1] < 0.01 * losses[0]
    free = [0, 1, 3, 4]
    mean = remote.sample(observations[:1], 500, generator())[..., free].mean()
    assert mean.item() == pytest.approx(0.5, abs=0.05)


def test_the_remote_gradient_is_that_of_the_written_out_loss(remote):
    """Head only: d loss / d bias = 2 (action - target), and the weights of the rows pass on."""
    draws, factors = generator(), torch.tensor([1.0, 0.0, -2.0])
    observations, targets = (
        torch.randn(3, 4, generator=draws),
        torch.rand(3, 1, 6, generator=draws),
    )
    loss = remote.loss(observations, targets, None, generator())
    weight, bias = (dict(remote.named_parameters())[f'head/{name}'] for name in ('weight', 'bias'))
    weight.grad = bias.grad = None  # the policy has been trained by another test
    (loss * factors).sum().backward()
    assert (loss > 0).all()
    gradient, middle, ends = bias.grad[0].item(), bias[0].item(), []
    for step in (-0.01, 0.01):
        with torch.no_grad():
            bias[0] = middle + step
        remote.after_update()
        ends.append((remote.loss(observations, targets, None, generator()) * factors).sum().item())
    assert (ends[1] - ends[0]) / 0.02 == pytest.approx(gradient, abs=2e-3)
    assert weight.grad.abs().sum() > 0


def test_only_the_newest_loss_can_be_differentiated(remote):
    observations, targets = torch.randn(2, 4), torch.rand(2, 1, 6)
    first = remote.loss(observations, targets, None, generator()).sum()
    second = remote.loss(observations, targets, None, generator()).sum()
    with pytest.raises(RuntimeError, match='only the newest loss'):
        first.backward()
    second.backward()


def test_an_error_of_the_remote_policy_is_told_and_ends_nothing(remote):
    with pytest.raises(RuntimeError, match=r"'sample' with\n(.|\n)*camera is covered"):
        remote.sample(torch.full((1, 4), torch.nan), 2, generator())
    assert remote.sample(torch.zeros(1, 4), 2, generator()).shape == (1, 2, 6)


def test_a_dead_server_is_told():
    remote = start()
    server = remote.close.peek()[2][1]
    server.kill()
    server.wait()
    with pytest.raises(ConnectionError, match='policy server'):
        remote.sample(torch.zeros(1, 4), 2, generator())


def test_the_server_ends_with_the_policy():
    remote = start()
    server = remote.close.peek()[2][1]
    assert server.poll() is None
    remote.close()
    assert server.returncode == 0


def test_a_server_that_cannot_start_is_told():
    import remote_policy

    config = remote_policy.RemotePolicyConfig(
        interpreter=sys.executable, script=str(SERVER.with_name('missing.py'))
    )
    with pytest.raises(ConnectionError, match='policy server'):
        remote_policy.RemotePolicy(4, ActionSpec(1, 3), config)


def test_the_lerobot_loss_looks_only_at_the_steps_that_act():
    """A network that predicts no noise: the squared norm of T · A standard normals."""
    import fake_lerobot_policy
    import lerobot_policy

    policy = fake_lerobot_policy.FakeLeRobotPolicy(4, horizon=2, action_dim=3)
    for parameter in policy.parameters():
        parameter.data.zero_()
    served = lerobot_policy.LeRobotDiffusion(
        policy, fake_lerobot_policy.preprocess, fake_lerobot_policy.postprocess, horizon=2
    )
    loss = served.loss(torch.zeros(2000, 4), torch.zeros(2000, 1, 6), None, generator())
    assert loss.mean().item() == pytest.approx(6.0, abs=4 * 12**0.5 / 2000**0.5)


def test_lerobot_policies_that_do_not_fit_are_refused():
    import lerobot_policy

    config = SimpleNamespace(n_obs_steps=2, n_action_steps=8)
    with pytest.raises(ValueError, match='n_obs_steps 1'):
        lerobot_policy.LeRobotDiffusion(SimpleNamespace(config=config), None, None, horizon=4)
