# SPDX-License-Identifier: Apache-2.0
"""Serves a policy to PARL from another interpreter, which needs torch but not PARL.

Both ends of a Unix socket pair send messages in turn: 8 bytes of length (big-endian), then a dict
saved by `torch.save` and read with `weights_only=True`, so a message never carries code.
"""

from collections.abc import Mapping
import io
import socket
import struct
import traceback
from typing import Any, Protocol, TypeAlias

import torch

LENGTH = struct.Struct('>Q')

Seen: TypeAlias = torch.Tensor | dict[str, Any]
"""What a policy sees of B states: numbers (B, O), or a dict if it sees or reads more.

The dict has `numbers` (B, O), `pictures`, by the name of the camera (B, H, W, 3) uint8 RGB, and
`instructions`, a list of B texts.
"""


class ServedPolicy(Protocol):
    """What the other interpreter must offer; shapes as in `parl_policy.policy.Policy`."""

    def trainable_parameters(self) -> Mapping[str, torch.Tensor]:
        """Return the parameters that may change, by name; always the same tensors."""
        ...

    def sample(self, observations: Seen, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw `count` actions per state: (B, k, D)."""
        ...

    def loss(
        self,
        observations: Seen,
        targets: torch.Tensor,
        weights: torch.Tensor | None,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Return the loss of each state (B,), differentiable by the trainable parameters."""
        ...


def send(connection: socket.socket, message: dict[str, Any]) -> None:
    """Write one message: a dict of numbers, texts, tensors, lists of tensors or None."""
    content = io.BytesIO()
    torch.save(message, content)
    connection.sendall(LENGTH.pack(content.getbuffer().nbytes))
    connection.sendall(content.getbuffer())


def receive(connection: socket.socket) -> dict[str, Any] | None:
    """Read one message; return None if the other end has closed."""
    if (length := _read(connection, LENGTH.size)) is None:
        return None
    if (content := _read(connection, *LENGTH.unpack(length))) is None:
        return None
    message: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True)
    return message


def _read(connection: socket.socket, length: int) -> bytearray | None:
    content = bytearray(length)
    missing = memoryview(content)
    while missing:
        received = connection.recv_into(missing)
        if not received:
            return None
        missing = missing[received:]
    return content


class PolicyServer:
    """Answers calls of a policy, and gives the gradient of the newest loss."""

    def __init__(self, policy: ServedPolicy) -> None:
        self.policy = policy
        self.losses = torch.empty(0)
        self.losses_made = 0

    def answer(self, call: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Do what a message asks for and return the answer."""
        parameters = self.policy.trainable_parameters()
        if 'seed' in arguments:
            arguments['generator'] = torch.Generator().manual_seed(arguments.pop('seed'))
        if call == 'parameters':
            own = {name: value.detach().cpu().clone() for name, value in parameters.items()}
            return {'parameters': own}
        if call == 'set_parameters':
            with torch.no_grad():
                for name, value in arguments['parameters'].items():
                    parameters[name].copy_(value)
            return {}
        if call == 'sample':
            with torch.no_grad():
                return {'actions': self.policy.sample(**arguments).cpu().contiguous()}
        if call == 'loss':
            self.losses = self.policy.loss(**arguments)
            self.losses_made += 1
            return {'losses': self.losses.detach().cpu(), 'number': self.losses_made}
        if call == 'gradients':
            if arguments['number'] != self.losses_made:
                raise ValueError(
                    'only the newest loss can be differentiated, and only once; call loss again'
                )
            self.losses_made += 1
            upstream = arguments['upstream'].to(self.losses)
            gradients = torch.autograd.grad(
                self.losses, [*parameters.values()], upstream, materialize_grads=True
            )
            return {'gradients': [gradient.cpu().contiguous() for gradient in gradients]}
        raise ValueError(f'unknown call {call!r}')


def serve(policy: ServedPolicy, connection: socket.socket) -> None:
    """Answer calls until the other end closes; send an error back as text and continue."""
    server = PolicyServer(policy)
    while (message := receive(connection)) is not None:
        try:
            reply = server.answer(message['call'], message['arguments'])
        except Exception:  # the caller gets any error of the policy
            reply = {'error': traceback.format_exc()}
        send(connection, reply)
