# SPDX-License-Identifier: Apache-2.0
"""A shard: the samples of some states, which are the same whoever draws them.

The random numbers of a state follow from the version of the policy and from the content of the
state alone. So work that was lost can be done again, by anyone, and nothing is counted twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
import hashlib
import json
from typing import Any

import numpy as np
import torch

from parl_policy.observations import States
from parl_policy.policy import SeededPolicy


@dataclass(frozen=True, eq=False)
class Order:
    """What one worker draws in one go.

    Attributes:
        version: What `version_of` returned.
        keys: (B,) int64 hash of the content of each state.
        states: The B states.
        count: Actions of each state (k).
    """

    version: str
    keys: torch.Tensor
    states: States
    count: int


@dataclass(frozen=True, eq=False)
class Shard:
    """The samples of an order.

    Attributes:
        version: That of the order.
        keys: (B,) int64 of the states.
        tokens: (B, k, D) uint8.
        log_probs: (B, k) float32 log-probability of each action.
    """

    version: str
    keys: torch.Tensor
    tokens: torch.Tensor
    log_probs: torch.Tensor


def version_of(weights: Mapping[str, torch.Tensor], about: Mapping[str, Any]) -> str:
    """Return the hash of all that decides which samples a state gets.

    Args:
        weights: The policy's `state_dict`: of a big model, its adapters and the base's hash.
        about: The run's seed, the policy's settings, the number of samples; data for JSON.
    """
    digest = hashlib.blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=16)
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f'{name} {tensor.dtype} {tuple(tensor.shape)} '.encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def uniform_numbers(version: str, keys: torch.Tensor, count: int, dim: int) -> torch.Tensor:
    """Return the random numbers (B, count, dim) in [0, 1) of the states with these keys (B,).

    They are raw bits of Philox, which no version of numpy will change.
    """
    bits = np.empty((len(keys), count * dim), np.uint64)
    for row, key in zip(bits, keys.tolist(), strict=True):
        seed = hashlib.blake2b(f'{version} {key}'.encode(), digest_size=16).digest()
        row[:] = np.random.Philox(key=int.from_bytes(seed, 'big')).random_raw(count * dim)
    numbers = (bits >> np.uint64(40)).astype(np.float32) / 2**24
    return torch.from_numpy(numbers).view(-1, count, dim).to(torch.get_default_device())


@torch.no_grad()
def draw_shard(policy: SeededPolicy, order: Order) -> Shard:
    """Draw what is ordered, with a policy of the order's version."""
    dim = policy.action_spec.flat_dim
    numbers = uniform_numbers(order.version, order.keys, order.count, dim)
    tokens, log_probs = policy.draw(policy.encode(order.states), numbers)
    return Shard(
        order.version,
        order.keys.cpu(),
        tokens.to('cpu', torch.uint8),
        log_probs.to('cpu', torch.float32),
    )
