# SPDX-License-Identifier: Apache-2.0
"""Times updates from pictures: python3 bench/pictures/update.py [--sizes 64 84] [--rounds 5].

One row is one encoder at one picture size and precision. A critic update is IQL's, which needs the
most of the encoder: members and V on the features of s, and V on those of s', each computed once.
The members are those of experiments/observations/pixels.yaml. An imitation update is the diffusion
policy's. Times are CPU milliseconds: least ones, and for the sums the median too. The rows take
turns, so that other load on the machine affects all. `work` is the encoder's, forward and backward
of one batch.
"""

import argparse
from collections.abc import Callable, Iterator
import copy
from dataclasses import dataclass
import statistics
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from parl_learner.offline.run.whole_number import at_least_1
from parl_learner.training.critic_loss import expectile_loss, td_targets
from parl_learner.training.state_value import StateValue
from parl_policy.compute.device import choose_float32_product
from parl_policy.compute.precision import slow_because
from parl_policy.critics.critic import CriticConfig, CriticEnsemble
from parl_policy.networks.picture_augmentation import (
    AugmentationConfig,
    augmented,
    draw_augmentation,
)
from parl_policy.networks.picture_encoder import EncoderConfig, picture_encoder
from parl_policy.policies.diffusion import DiffusionPolicy, DiffusionPolicyConfig
from parl_policy.policy import ActionSpec

RESNET_WIDTHS = (16, 32, 64, 128)
ENCODERS = {
    'convolutions': EncoderConfig(kind='convolutions', widths=(32, 64, 64)),
    'keypoints': EncoderConfig(kind='keypoints', widths=(16, 32), keypoints=32),
    'resnet, strided': EncoderConfig(kind='resnet', widths=RESNET_WIDTHS, first='strided'),
    'resnet, pooled': EncoderConfig(kind='resnet', widths=RESNET_WIDTHS),
}
PARTS = ('augment', "encode s'", 'encode s', 'heads', 'encoder backward', 'optimiser')
CRITIC = CriticConfig(members=4, hidden=(256, 256), head='mse')
STORED = 1000
"""Pictures from which batches are read."""
NUMBERS, ACTION = 7, 7
SPEC = ActionSpec(horizon=1, dim=ACTION)
AUGMENTATION = AugmentationConfig(brightness=0.2, contrast=0.2)


@dataclass(frozen=True)
class Store:
    """Random pictures (N, H, W, 3) and numbers of as many steps."""

    pictures: torch.Tensor
    numbers: torch.Tensor
    actions: torch.Tensor
    generator: torch.Generator

    def draw(self, batch: int, steps: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Draw rows (batch,) and their augmented pictures, and those of the following `steps`."""
        rows = torch.randint(len(self.pictures) - steps, (batch,), generator=self.generator)
        changes = draw_augmentation(batch, AUGMENTATION, self.generator)
        pictures = self.pictures
        seen = [augmented(pictures.index_select(0, rows + i), changes) for i in range(steps + 1)]
        return rows, seen


def new_store(size: int) -> Store:
    """Make a store of square pictures."""
    generator = torch.Generator().manual_seed(0)
    shape = (STORED, size, size, 3)
    pictures = torch.randint(256, shape, generator=generator, dtype=torch.uint8)
    actions = torch.rand(STORED, ACTION, generator=generator) * 2.0 - 1.0
    return Store(pictures, torch.randn(STORED, NUMBERS, generator=generator), actions, generator)


class Clock:
    """Adds up the CPU time between its marks."""

    def __init__(self) -> None:
        """Begin."""
        self.parts = dict.fromkeys(PARTS, 0.0)
        self._last = time.process_time()

    def mark(self, part: str) -> None:
        """Add the time since the last mark to a part [ms]."""
        now = time.process_time()
        self.parts[part] += 1e3 * (now - self._last)
        self._last = now


class Updates:
    """A critic and a policy behind an encoder each, and one update of either."""

    def __init__(self, store: Store, config: EncoderConfig, dtype: torch.dtype) -> None:
        """Make untrained networks."""
        torch.manual_seed(0)
        size = store.pictures.shape[1:3]
        self.store = store
        self.encoder = picture_encoder((size[0], size[1]), config)
        self.encoder.map_type = dtype
        states = self.encoder.features + NUMBERS
        self.critic = CriticEnsemble(states, ACTION, CRITIC)
        self.target = copy.deepcopy(self.critic).requires_grad_(False)
        self.value = StateValue(states, CRITIC.hidden)
        self.policy = DiffusionPolicy(states, SPEC, DiffusionPolicyConfig(hidden=128))
        trained = [*self.critic.parameters(), *self.value.parameters()]
        self.adam = torch.optim.Adam([*self.encoder.parameters(), *trained], fused=True)
        taught = [*self.encoder.parameters(), *self.policy.trainable_parameters()]
        self.policy_adam = torch.optim.Adam(taught, fused=True)

    def states(self, pictures: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Return features and numbers (B, S)."""
        return torch.cat([self.encoder(pictures), self.store.numbers[rows]], dim=1)

    def critic_update(self, batch: int) -> dict[str, float]:
        """Do one of IQL; the encoder of s' is the trained one, as in DrQ-v2 (2107.09645)."""
        clock = Clock()
        rows, (now, following) = self.store.draw(batch, 1)
        actions = self.store.actions[rows].unsqueeze(1)
        clock.mark('augment')
        with torch.no_grad():
            next_states = self.states(following, rows + 1)
        clock.mark("encode s'")
        states = self.states(now, rows)
        clock.mark('encode s')
        seen = states.detach().requires_grad_()
        head = self.critic.value_head
        with torch.no_grad():
            next_values = self.value(next_states).unsqueeze(0)
            targets = td_targets(-torch.ones(batch), torch.full((batch,), 0.98), next_values)
            least = head.value(self.target.raw_at(seen, actions, [0, 1])).min(0).values.squeeze(1)
        loss = head.loss(self.critic.raw_at(seen, actions).squeeze(2), targets).mean()
        loss = loss + expectile_loss(least - self.value(seen), 0.7).mean()
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        clock.mark('heads')
        states.backward(seen.grad)
        clock.mark('encoder backward')
        self.adam.step()
        with torch.no_grad():
            followed = tuple(self.critic.parameters())
            torch._foreach_lerp_(tuple(self.target.parameters()), followed, 0.005)
        clock.mark('optimiser')
        return clock.parts

    def imitation_update(self, batch: int) -> dict[str, float]:
        """Do one of the policy."""
        clock = Clock()
        rows, (now,) = self.store.draw(batch, 0)
        clock.mark('augment')
        states = self.states(now, rows)
        clock.mark('encode s')
        seen = states.detach().requires_grad_()
        actions = self.store.actions[rows].unsqueeze(1)
        self.policy_adam.zero_grad(set_to_none=True)
        self.policy.loss(seen, actions, None, self.store.generator).mean().backward()
        clock.mark('heads')
        states.backward(seen.grad)
        clock.mark('encoder backward')
        self.policy_adam.step()
        self.policy.after_update()
        clock.mark('optimiser')
        return clock.parts

    def operations(self, batch: int) -> float:
        """Return the floating-point operations of the encoder, forward and backward."""
        with FlopCounterMode(display=False) as counter:
            self.encoder(self.store.pictures[:batch]).sum().backward()
        return float(counter.get_total_flops())


def in_turns(
    steps: dict[str, Callable[[], dict[str, float]]], rounds: int
) -> dict[str, list[dict[str, float]]]:
    """Do the steps in turn, once to warm up and then `rounds` times."""
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in steps}
    for i in range(rounds + 1):
        for name, step in steps.items():
            parts = step()
            if i > 0:
                taken[name].append(parts)
    return taken


def rows_of(size: int, batch: int, rounds: int) -> Iterator[str]:
    """Yield the table rows of one picture size."""
    store = new_store(size)
    critic, imitation, work = {}, {}, {}
    for name, config in ENCODERS.items():
        for dtype in (torch.bfloat16, torch.float32):
            if dtype == torch.bfloat16 and slow_because('bfloat16'):
                continue
            updates = Updates(store, config, dtype)
            label = f'{name} | {size} | {str(dtype).removeprefix("torch.")}'
            critic[label] = lambda updates=updates: updates.critic_update(batch)
            imitation[label] = lambda updates=updates: updates.imitation_update(batch)
            work[label] = updates.operations(batch)
    for kind, steps in (('critic', critic), ('imitation', imitation)):
        for label, taken in in_turns(steps, rounds).items():
            yield _row(f'{kind} | {label}', taken, work[label])


def _row(label: str, taken: list[dict[str, float]], operations: float) -> str:
    least = {part: min(each[part] for each in taken) for part in PARTS}
    sums = [sum(each.values()) for each in taken]
    rate = operations / (least['encode s'] + least['encoder backward']) / 1e6
    shown = ' | '.join(f'{least[part]:.1f}' for part in PARTS)
    return (
        f'| {label} | {shown} | **{min(sums):.0f}** ({statistics.median(sums):.0f}) '
        f'| {operations / 1e9:.1f} GFLOP at {rate:.0f} GFLOP/s |'
    )


def main() -> None:
    """Print one table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--sizes', type=at_least_1, nargs='+', default=[64, 84], help='pixels')
    parser.add_argument('--batch', type=at_least_1, default=128)
    parser.add_argument('--rounds', type=at_least_1, default=5, help='turns after the first')
    parser.add_argument('--threads', type=at_least_1, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    choose_float32_product()
    print(f'| update | encoder | px | maps | {" | ".join(PARTS)} | all, ms | work |')
    print('|---' * (len(PARTS) + 6) + '|', flush=True)
    for size in arguments.sizes:
        for row in rows_of(size, arguments.batch, arguments.rounds):
            print(row, flush=True)


if __name__ == '__main__':
    main()
