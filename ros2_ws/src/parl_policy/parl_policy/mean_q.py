# SPDX-License-Identifier: Apache-2.0
"""Mean Q of an ensemble at fixed states, with gradients with respect to the action alone."""

from typing import Any, cast, Literal

import torch
from torch import nn
from torch.autograd.function import once_differentiable

from parl_policy.critic import CriticEnsemble, CriticMember
from parl_policy.ln_resnet import LAYER_NORM_EPSILON
from parl_policy.value_head import ValueHead

Precision = Literal['float32', 'bfloat16']


class MeanQ:
    """Callable (B, n, D) -> (B, n); autograd gets its action gradient, found in closed form.

    Climbing asks for Q and dQ/da many times at the same states and never for dQ/dθ. So what
    depends on the state alone is computed once, and each block of rows runs forward and at once
    backward: its activations stay in the processor's cache and nothing else is kept.
    """

    ROWS_AT_ONCE = 512
    """512 rows of 256 to 512 numbers fit the caches and fill a matrix product."""

    @torch.no_grad()
    def __init__(
        self,
        critic: CriticEnsemble,
        observations: torch.Tensor,
        precision: Precision = 'float32',
    ) -> None:
        """Fix the states (B, O); holds while the critic's weights stay as they are.

        With bfloat16 the hidden layers have eight bits, and their products take half the time or
        less on processors that have such products (avx512_bf16, amx_bf16 in /proc/cpuinfo).
        """
        states, dtype = critic.encode(observations), getattr(torch, precision)
        self._members = [
            _MemberAtStates(cast(CriticMember, member), critic.value_head, states, dtype)
            for member in critic.members
        ]

    def __call__(self, actions: torch.Tensor) -> torch.Tensor:
        """Mean of the members' values, (B, n, D) -> (B, n)."""
        if torch.is_grad_enabled() and actions.requires_grad:
            values: torch.Tensor = _ActionGradient.apply(actions, self)
            return values
        return self.evaluate(actions, with_gradients=False)[0]

    @torch.no_grad()
    def evaluate(
        self, actions: torch.Tensor, with_gradients: bool = True
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Values (B, n) and their gradients (B, n, D), which stay 0 where not wanted."""
        values, gradients = torch.zeros(actions.shape[:2]), torch.zeros_like(actions)
        block = max(1, self.ROWS_AT_ONCE // actions.shape[1])
        for member in self._members:
            for first in range(0, len(actions), block):
                part = slice(first, first + block)
                if with_gradients:
                    value, gradient = member.value_and_gradient(part, actions[part])
                    gradients[part] += gradient
                else:
                    value = member.value(part, actions[part])
                values[part] += value
        return values / len(self._members), gradients / len(self._members)


class _ActionGradient(torch.autograd.Function):
    """Hands the gradient to autograd: a row's value depends on that row's action only."""

    @staticmethod
    def forward(ctx: Any, actions: torch.Tensor, q: MeanQ) -> torch.Tensor:  # noqa: ANN401
        values, gradients = q.evaluate(actions)
        ctx.save_for_backward(gradients)
        return values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, None]:  # noqa: ANN401
        (gradients,) = ctx.saved_tensors
        return upstream.unsqueeze(-1) * gradients, None


class _MemberAtStates:
    """One member: z = W·x + [A, bias]·[action, 1], then x = swish(LayerNorm(z)), repeated.

    The hidden layers are of the given type; outputs, value and action gradient are float32.
    """

    def __init__(
        self, member: CriticMember, head: ValueHead, states: torch.Tensor, dtype: torch.dtype
    ) -> None:
        layers = cast('list[nn.Linear]', list(member.layers))
        action_layers = cast('list[nn.Linear]', list(member.action_layers))
        norms = cast('list[nn.LayerNorm]', list(member.norms))
        self._dtype = dtype
        self._head = head
        self._last = member.head
        self._last_weight = member.head.weight.to(dtype)
        self._features = torch.mm(states, layers[0].weight.t()).to(dtype)  # (B, H)
        self._weights = [layer.weight.to(dtype) for layer in layers]
        self._action_weights = [layer.weight.to(dtype) for layer in action_layers]
        self._norms = [(n.normalized_shape, n.weight.to(dtype), n.bias.to(dtype)) for n in norms]
        copies = len(_exact_parts(states[:0], dtype))
        self._side_weights = [  # the bias rides on the action: one pass over z less
            torch.cat(
                [*self._action_weights[i : i + 1] * copies, layer.bias[:, None].to(dtype)], 1
            )
            for i, layer in enumerate(layers)
        ]

    def value(self, part: slice, actions: torch.Tensor) -> torch.Tensor:
        """Values (B, n) of actions at some of the states."""
        raw, _ = self._forward(part, actions)
        return self._head.value(raw).view(actions.shape[:2])

    def value_and_gradient(
        self, part: slice, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Values (B, n) and their derivatives by the action (B, n, D)."""
        raw, passed = self._forward(part, actions)
        value, upstream = self._head.value_and_gradient(raw)
        upstream = upstream.to(self._dtype) @ self._last_weight
        total = torch.zeros(len(raw), actions.shape[-1])
        for i in reversed(range(len(self._norms))):
            (shape, weight, bias), (z, y, mean, scale) = self._norms[i], passed[i]
            upstream = torch.ops.aten.silu_backward(upstream, y)
            upstream, _, _ = torch.ops.aten.native_layer_norm_backward(
                upstream, z, shape, mean, scale, weight, bias, [True, False, False]
            )
            if i < len(self._action_weights):
                total += upstream @ self._action_weights[i]
            if i > 0:
                upstream = upstream @ self._weights[i]
        return value.view(actions.shape[:2]), total.view(actions.shape)

    def _forward(
        self, part: slice, actions: torch.Tensor
    ) -> tuple[torch.Tensor, list[tuple[torch.Tensor, ...]]]:
        """Raw outputs (B·n, outputs) and, layer by layer, what the way back needs."""
        rows = _exact_parts(actions.flatten(0, 1), self._dtype)
        with_one = torch.cat([*rows, torch.ones(len(rows[0]), 1, dtype=self._dtype)], dim=1)
        passed: list[tuple[torch.Tensor, ...]] = []
        x = z = self._features[part].repeat_interleave(actions.shape[1], dim=0)
        for i, ((shape, weight, bias), side) in enumerate(
            zip(self._norms, self._side_weights, strict=True)
        ):
            if i > 0:
                z = x @ self._weights[i].t()
            takes_action = i < len(self._action_weights)
            z.addmm_(with_one if takes_action else with_one[:, -1:], side.t())
            y, mean, scale = torch.native_layer_norm(z, shape, weight, bias, LAYER_NORM_EPSILON)
            passed.append((z, y, mean, scale))
            x = nn.functional.silu(y)
        return self._last(x.float()), passed


def _exact_parts(actions: torch.Tensor, dtype: torch.dtype) -> list[torch.Tensor]:
    """Terms whose sum is the action; an ascent step may be less than a bfloat16's last bit."""
    first = actions.to(dtype)
    return [first] if dtype == actions.dtype else [first, (actions - first).to(dtype)]
