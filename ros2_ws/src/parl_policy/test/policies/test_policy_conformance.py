# SPDX-License-Identifier: Apache-2.0
"""What every policy class must do; a new class joins by a line in POLICIES."""

from pathlib import Path
import socket
import threading

from policy_conformance import OBSERVATION_DIM, PolicyConformance
import pytest
import torch

from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor_file import ActorConfig
from parl_policy.critics.critic import CriticConfig
from parl_policy.policies.registry import POLICY_CLASSES
from parl_policy.policy import ActionSpec

POLICIES = {
    'autoregressive': {'hidden': 32, 'layers': 1, 'heads': 4, 'bins': 32, 'dropout': 0.0},
    'diffusion': {'hidden': 32, 'blocks': 1, 'ema_rate': 0.1, 'dropout': 0.0},
    'edited': {
        'hidden': [16],
        'base': {'hidden': 32, 'blocks': 1, 'ema_rate': 0.1, 'dropout': 0.0},
    },
    'flow': {'hidden': 32, 'blocks': 1, 'ema_rate': 0.1, 'dropout': 0.0},
    'gaussian': {'hidden': [32, 32]},
    'module_policy:ModulePolicy': {'hidden': 32},
    'remote_policy:RemotePolicy': {'interpreter': 'none', 'script': 'none'},
}
"""Small configurations that learn one action in 150 updates at learning rate 3e-3.

Without dropout, which draws from torch's own generator, and only in a loss; the classes' own tests
see to it.
"""

EXAMPLES = Path(__file__).parents[2] / 'examples'


class ServerThread(threading.Thread):
    """Stands for the server's process: the example's server, around a fake of LeRobot's policy."""

    def __init__(self, action_spec):
        super().__init__(daemon=True)
        import fake_lerobot_policy
        import lerobot_policy

        with torch.random.fork_rng():
            torch.manual_seed(3)  # as from a file: always the same weights
            policy = fake_lerobot_policy.FakeLeRobotPolicy(
                OBSERVATION_DIM, action_spec.horizon, action_spec.dim
            )
        self.served = lerobot_policy.LeRobotDiffusion(
            policy,
            fake_lerobot_policy.preprocess,
            fake_lerobot_policy.postprocess,
            action_spec.horizon,
        )
        self.ours, self.theirs = socket.socketpair()

    def run(self):
        import policy_server

        with self.theirs:
            policy_server.serve(self.served, self.theirs)

    def wait(self, timeout):
        self.join(timeout)


@pytest.fixture(params=[1, 3], ids=['one_step', 'chunk'])
def spec(request):
    return ActionSpec(horizon=request.param, dim=3, binary=(2,))


@pytest.fixture(params=sorted(POLICIES))
def config(request, spec, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    if request.param.startswith('remote'):
        import remote_policy

        def start_thread(config):
            server = ServerThread(spec)
            server.start()
            return server.ours, server

        monkeypatch.setattr(remote_policy, 'start_server', start_thread)
    return ActorConfig(
        policy_class=request.param,
        policy=POLICIES[request.param],
        critic=CriticConfig(members=1, hidden=(8,), bins=5),
        optimisation=ActionOptimisationConfig(samples=4, particles=2),
        choice='argmax',
        observation_names=tuple('wxyz'),
        action_spec=spec,
    )


class TestPolicyConformance(PolicyConformance):
    """Of policies that see numbers."""


def test_every_class_is_tested():
    assert set(POLICY_CLASSES) < set(POLICIES)
