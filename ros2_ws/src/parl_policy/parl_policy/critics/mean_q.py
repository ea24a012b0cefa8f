# SPDX-License-Identifier: Apache-2.0
"""Computes the mean Q of an ensemble and its gradient by the action alone."""

from collections.abc import Sequence
import functools
from typing import Any, cast

import torch
from torch import nn
from torch.autograd.function import once_differentiable

from parl_policy.compute.precision import Precision
from parl_policy.critics.critic import CriticEnsemble, CriticMember
from parl_policy.critics.value_head import ValueHead
from parl_policy.networks.ln_resnet import LAYER_NORM_EPSILON
from parl_policy.observations import States


class FrozenCritic:
    """A critic prepared for climbing, which never needs dQ/dθ; its weights must not change.

    With the few rows of a single state a processor mostly waits for weights and for Python, so
    all members are computed together. With many rows, one member after the other fits the
    processor's cache. A GPU always computes all members together.
    """

    def __init__(self, critic: CriticEnsemble, precision: Precision = 'float32') -> None:
        """Choose the number type of the hidden layers.

        bfloat16 has eight bits of precision. Its products take half the time or less on
        devices that have them (see `slow_because`), and many times as long on others.
        """
        self._critic = critic
        self._dtype: torch.dtype = getattr(torch, precision)

    @torch.no_grad()
    def mean_q(self, observations: States) -> 'MeanQ':
        """Return the function Q(·) at fixed states."""
        return self.mean_q_at(self._critic.encode(observations))

    @torch.no_grad()
    def mean_q_at(self, states: torch.Tensor) -> 'MeanQ':
        """Return the same for states (B, S) that the critic has encoded."""
        on_cpu = states.device.type == 'cpu'
        groups = self._one_by_one if on_cpu and len(states) > 1 else self._together
        return MeanQ(groups, states)

    @functools.cached_property
    def _together(self) -> list['_Members']:
        return [self._group(list(self._critic.members))]

    @functools.cached_property
    def _one_by_one(self) -> list['_Members']:
        return [self._group([member]) for member in self._critic.members]

    def _group(self, members: list[nn.Module]) -> '_Members':
        return _Members(cast('list[CriticMember]', members), self._critic.value_head, self._dtype)


class MeanQ:
    """Callable (B, n, D) -> (B, n) whose gradient by the action is computed in closed form.

    Climbing needs Q and dQ/da many times at the same states. So what depends on the state alone
    is computed once. Each block of rows runs forward and then directly backward, so its
    activations stay in the processor's cache and nothing else is kept.
    """

    ROWS_AT_ONCE = 512
    """Rows in a block on a CPU: with 256 to 512 numbers each they fit its caches."""
    GPU_ROWS_AT_ONCE = 1 << 15
    """Rows in a block on a GPU: they keep it busy, and ten members need a few GB for them."""

    def __init__(self, groups: Sequence['_Members'], states: torch.Tensor) -> None:
        """Fix the encoded states (B, S); see `FrozenCritic.mean_q`."""
        self._groups = [(group, group.features(states)) for group in groups]
        self._count = sum(group.count for group in groups)

    def __call__(self, actions: torch.Tensor) -> torch.Tensor:
        """Return the mean of the members' values: (B, n, D) -> (B, n)."""
        if torch.is_grad_enabled() and actions.requires_grad:
            values: torch.Tensor = _ActionGradient.apply(actions, self)
            return values
        return self.evaluate(actions, with_gradients=False)[0]

    @torch.no_grad()
    def evaluate(
        self, actions: torch.Tensor, with_gradients: bool = True
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return values (B, n) and their gradients (B, n, D); without gradients these are 0."""
        values, gradients = torch.zeros(actions.shape[:2]), torch.zeros_like(actions)
        on_cpu = actions.device.type == 'cpu'
        rows = self.ROWS_AT_ONCE if on_cpu else self.GPU_ROWS_AT_ONCE
        block = max(1, rows // actions.shape[1])
        for group, features in self._groups:
            for first in range(0, len(actions), block):
                part = slice(first, first + block)
                if with_gradients:
                    value, gradient = group.value_and_gradient(features[:, part], actions[part])
                    gradients[part] += gradient
                else:
                    value = group.value(features[:, part], actions[part])
                values[part] += value
        return values / self._count, gradients / self._count


class _ActionGradient(torch.autograd.Function):
    """Gives the gradient to autograd; the value of a row depends only on that row's action."""

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


class _Members:
    """E members side by side: z = W·x + [A, bias]·[action, 1], x = swish(LayerNorm(z)), repeated.

    The hidden layers have the given number type; outputs, values and gradients are float32.
    """

    def __init__(
        self, members: Sequence[CriticMember], head: ValueHead, dtype: torch.dtype
    ) -> None:
        self.count = len(members)
        self._dtype, self._head = dtype, head
        depth = len(members[0].layers)

        def stacked(name: str, i: int, part: str = 'weight') -> torch.Tensor:
            return torch.stack([getattr(getattr(m, name)[i], part) for m in members])

        weights = [stacked('layers', i) for i in range(depth)]
        biases = [stacked('layers', i, 'bias').unsqueeze(2) for i in range(depth)]
        self._first = weights[0]  # (E, H, S)
        self._weights = [weight.to(dtype) for weight in weights]
        self._action_weights = [
            stacked('action_layers', i).to(dtype) for i in range(len(members[0].action_layers))
        ]
        copies = len(_exact_parts(torch.empty(0), dtype))
        self._sides = [  # the bias is a column beside the action: this saves one pass over z
            torch.cat([*self._action_weights[i : i + 1] * copies, biases[i].to(dtype)], dim=2)
            for i in range(depth)
        ]
        scales = [stacked('norms', i).to(dtype) for i in range(depth)]
        shifts = [stacked('norms', i, 'bias').to(dtype) for i in range(depth)]
        # torch's LayerNorm has one scale for all rows, so the scales of several members follow it.
        alone = self.count == 1
        self._affine = [
            (a[0], b[0]) if alone else (None, None) for a, b in zip(scales, shifts, strict=True)
        ]
        self._scales = [] if alone else [scale.unsqueeze(1) for scale in scales]
        self._shifts = [] if alone else [shift.unsqueeze(1) for shift in shifts]
        self._last = torch.stack([m.head.weight for m in members])
        self._last_bias = torch.stack([m.head.bias for m in members]).unsqueeze(1)
        self._last_back = self._last.to(dtype)

    def features(self, states: torch.Tensor) -> torch.Tensor:
        """Return the part of the first layer that depends on the states: (B, S) -> (E, B, H)."""
        return (states @ self._first.transpose(1, 2)).to(self._dtype)

    def value(self, features: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Return the sum over members of the values (B, n) of actions (B, n, D)."""
        raw, _ = self._forward(features, actions)
        return self._head.value(raw).sum(0).view(actions.shape[:2])

    def value_and_gradient(
        self, features: torch.Tensor, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the same as `value`, and its derivative by the actions (B, n, D)."""
        raw, passed = self._forward(features, actions)
        value, upstream = self._head.value_and_gradient(raw)
        upstream = torch.bmm(upstream.to(self._dtype), self._last_back)
        total = torch.zeros(raw.shape[1], actions.shape[-1])
        for i in reversed(range(len(passed))):
            z, y, mean, scale = passed[i]
            upstream = torch.ops.aten.silu_backward(upstream, y)
            if self._scales:
                upstream.mul_(self._scales[i])
            upstream, _, _ = torch.ops.aten.native_layer_norm_backward(
                upstream, z, z.shape[-1:], mean, scale, *self._affine[i], [True, False, False]
            )
            if i < len(self._action_weights):
                total += torch.bmm(upstream, self._action_weights[i]).sum(0)
            if i > 0:
                upstream = torch.bmm(upstream, self._weights[i])
        return value.sum(0).view(actions.shape[:2]), total.view(actions.shape)

    def _forward(
        self, features: torch.Tensor, actions: torch.Tensor
    ) -> tuple[torch.Tensor, list[tuple[torch.Tensor, ...]]]:
        """Return raw outputs (E, B·n, outputs) and what the backward pass needs of each layer."""
        rows = _exact_parts(actions.flatten(0, 1), self._dtype)
        ones = torch.ones(len(rows[0]), 1, dtype=self._dtype)
        with_one = torch.cat([*rows, ones], dim=1).expand(self.count, -1, -1)
        passed: list[tuple[torch.Tensor, ...]] = []
        x = z = features.repeat_interleave(actions.shape[1], dim=1)
        for i, side in enumerate(self._sides):
            if i > 0:
                z = torch.bmm(x, self._weights[i].transpose(1, 2))
            takes_action = i < len(self._action_weights)
            z.baddbmm_(with_one if takes_action else with_one[..., -1:], side.transpose(1, 2))
            weight, bias = self._affine[i]
            y, mean, scale = torch.native_layer_norm(
                z, z.shape[-1:], weight, bias, LAYER_NORM_EPSILON
            )
            if self._scales:
                y = torch.addcmul(self._shifts[i], y, self._scales[i])
            passed.append((z, y, mean, scale))
            x = nn.functional.silu(y)
        return torch.baddbmm(self._last_bias, x.float(), self._last.transpose(1, 2)), passed


def _exact_parts(actions: torch.Tensor, dtype: torch.dtype) -> list[torch.Tensor]:
    """Split the action into terms of type `dtype` whose sum is exact.

    A step of ascent may be smaller than the last bit of one bfloat16.
    """
    first = actions.to(dtype)
    return [first] if dtype == actions.dtype else [first, (actions - first).to(dtype)]
