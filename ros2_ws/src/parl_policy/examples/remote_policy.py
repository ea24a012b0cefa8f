# SPDX-License-Identifier: Apache-2.0
"""A policy that runs in another interpreter, with packages of its own, behind PARL's protocol."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
import os
import socket
import subprocess
from typing import Any
import weakref

from policy_server import receive, send
import torch
from torch import nn

from parl_policy.observations import Observations, PictureConfig, States
from parl_policy.policy import ActionSpec


@dataclass(frozen=True, kw_only=True)
class RemotePolicyConfig:
    """How to start the policy server."""

    interpreter: str
    """Python that has the policy's packages, e.g. that of its virtual environment."""
    script: str
    """Program that serves the policy; it is called with a file descriptor, then `arguments`."""
    arguments: tuple[str, ...] = ()
    """Further arguments of the program."""
    pictures: Mapping[str, PictureConfig] = field(default_factory=dict)
    """The cameras that the policy sees, and the part and size of their pictures."""
    reads_instruction: bool = False
    """Whether the instruction travels too."""


class PolicyConnection:
    """Sends calls to a policy server, one at a time."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """Send a call and wait for its answer, without a time limit.

        Raises:
            ConnectionError: The server has ended.
            RuntimeError: The policy raised an error; its traceback is the message.
        """
        try:
            send(self._socket, {'call': name, 'arguments': arguments})
            reply = receive(self._socket)
        except OSError as error:
            raise ConnectionError(f'policy server: {error}; what it printed says why') from error
        if reply is None:
            raise ConnectionError('policy server has ended; what it printed says why')
        if 'error' in reply:
            raise RuntimeError(f'policy server answered {name!r} with\n{reply["error"]}')
        return reply


def start_server(config: RemotePolicyConfig) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Start the server, without this process's PYTHONPATH, connected by a socket pair.

    Returns:
        Our end of the socket pair, and the server's process.
    """
    ours, theirs = socket.socketpair()
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    with theirs:
        process = subprocess.Popen(
            [config.interpreter, config.script, str(theirs.fileno()), *config.arguments],
            pass_fds=[theirs.fileno()],
            env=environment,
        )
    return ours, process


def stop_server(ours: socket.socket, process: subprocess.Popen[bytes]) -> None:
    """Close our end, so that the server ends by itself; kill it if it does not."""
    ours.close()
    try:
        process.wait(timeout=30.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class RemoteLoss(torch.autograd.Function):
    """A loss that the server computes; its gradients go to our copy of the parameters."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        connection: PolicyConnection,
        arguments: dict[str, Any],
        *parameters: torch.Tensor,
    ) -> torch.Tensor:
        """Ask the server for the loss of each state (B,)."""
        reply = connection.call('loss', **arguments)
        ctx.connection, ctx.number = connection, reply['number']
        losses: torch.Tensor = reply['losses']
        return losses

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor) -> tuple[Any, ...]:  # noqa: ANN401
        """Ask the server for the gradients of the parameters."""
        reply = ctx.connection.call('gradients', number=ctx.number, upstream=upstream[0])
        return None, None, *reply['gradients']


class RemotePolicy(nn.Module):
    """Implements `parl_policy.policy.Policy`; policy_class: remote_policy:RemotePolicy.

    It holds a copy of the server's trainable parameters. PARL optimises, saves and loads the copy,
    which is then sent to the server. Frozen weights stay in the server and are not saved.
    """

    def __init__(
        self, observation_dim: int, action_spec: ActionSpec, config: RemotePolicyConfig
    ) -> None:
        super().__init__()
        self.action_spec = action_spec
        ours, process = start_server(config)
        self.close = weakref.finalize(self, stop_server, ours, process)
        self.connection = PolicyConnection(ours)
        self._names = {}
        for name, value in self.connection.call('parameters')['parameters'].items():
            own = name.replace('.', '/')  # torch allows no dot in a parameter's name
            self._names[name] = own
            self.register_parameter(own, nn.Parameter(value))

    def fit_normalisation(self, observations: torch.Tensor) -> None:
        """Do nothing: the remote policy has its own normalisation."""

    def encode(self, observations: States) -> States:
        """Return the observations; the server encodes each one once per call."""
        return observations

    def sample(self, context: States, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw actions (B, k, D) in [-1, 1]; the server uses a seed that is drawn here."""
        reply = self.connection.call(
            'sample', observations=as_message(context), count=count, seed=draw_seed(generator)
        )
        return self.action_spec.snap(reply['actions'].float().clamp(-1.0, 1.0))

    def loss(
        self,
        context: States,
        targets: torch.Tensor,
        weights: torch.Tensor | None,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Return the loss of each state (B,); differentiate it before the next call."""
        arguments = {
            'observations': as_message(context),
            'targets': targets,
            'weights': weights,
            'seed': draw_seed(generator),
        }
        return RemoteLoss.apply(self.connection, arguments, *self.trainable_parameters())

    def trainable_parameters(self) -> Iterable[nn.Parameter]:
        """Return our copy of the parameters, in the server's order."""
        return self.parameters()

    def after_update(self) -> None:
        """Send our copy of the parameters to the server."""
        parameters = {name: getattr(self, own).detach() for name, own in self._names.items()}
        self.connection.call('set_parameters', parameters=parameters)

    def load_state_dict(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        """Load our copy of the parameters and send it to the server."""
        result = super().load_state_dict(*arguments, **options)
        self.after_update()
        return result


def as_message(states: States) -> torch.Tensor | dict[str, Any]:
    """Return states as the server gets them: numbers (B, O), or a dict that holds more.

    The dict has `numbers` (B, O), `pictures` by camera (B, H, W, 3) uint8 and `instructions`.
    """
    if not isinstance(states, Observations):
        return states
    return {
        'numbers': states.numbers,
        'pictures': dict(states.pictures),
        'instructions': list(states.instructions),
    }


def draw_seed(generator: torch.Generator) -> int:
    """Draw a new seed from a generator."""
    return int(torch.randint(2**62, (), generator=generator))
