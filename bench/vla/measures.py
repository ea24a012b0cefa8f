# SPDX-License-Identifier: Apache-2.0
"""What is measured of a policy: each returns the text of a cell."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
import time

import numpy as np
import torch

from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor import Actor
from parl_policy.critics.critic import CriticConfig, CriticEnsemble
from parl_policy.observations import needs_of, Observation, Observations
from parl_vla.policies.openvla import OpenVLAPolicy, PromptedPictures
from vla.models import CAMERA, INSTRUCTION

SAMPLES = 16
NUMBERS = 8
"""Numbers of an observation, which the critic sees."""
WARM_UP = 3


@dataclass(frozen=True)
class Bench:
    """A policy on this thread's device.

    Attributes:
        policy: With random weights.
        repeats: How often each thing is timed after the warm-up.
        batch: States of a step of distillation, and of a recompute.
    """

    policy: OpenVLAPolicy
    repeats: int
    batch: int

    def quantiles(self, action: Callable[[], object]) -> tuple[float, float]:
        """Return p50 and p95 of the time of an action [ms], until the device has done it."""
        times = []
        for _ in range(WARM_UP + self.repeats):
            begin = time.perf_counter()
            action()
            if self.is_on_gpu:
                torch.cuda.synchronize()
            times.append(1e3 * (time.perf_counter() - begin))
        middle, most = np.quantile(times[WARM_UP:], [0.5, 0.95])
        return float(middle), float(most)

    @property
    def is_on_gpu(self) -> bool:
        """Whether this thread computes on a GPU."""
        return torch.get_default_device().type == 'cuda'

    def unseen(self, count: int) -> Observations:
        """Return states with pictures of noise on the CPU: none was seen before."""
        size = self.policy.config.pictures[CAMERA].size
        pictures = torch.as_tensor(_draws.integers(0, 256, (count, *size, 3), np.uint8))
        return Observations(
            torch.zeros(count, NUMBERS), {CAMERA: pictures}, (INSTRUCTION,) * count
        )


_draws = np.random.default_rng(0)


def _generator() -> torch.Generator:
    return torch.Generator(torch.get_default_device()).manual_seed(0)


def decision(bench: Bench) -> str:
    """From a picture to the optimised action, with the default critic and ten steps up it."""
    optimisation = ActionOptimisationConfig(samples=SAMPLES)
    dim = bench.policy.action_spec.flat_dim
    critic = CriticEnsemble(NUMBERS, dim, CriticConfig()).requires_grad_(False)
    needs = needs_of(bench.policy.config)
    actor = Actor(bench.policy, critic, optimisation, policy_needs=needs)
    actor.prepare()
    numbers = _generator()

    def decide() -> None:
        picture = bench.unseen(1).pictures[CAMERA][0].numpy()
        actor.act(
            Observation(np.zeros(NUMBERS, np.float32), {CAMERA: picture}, INSTRUCTION), numbers
        )

    middle, most = bench.quantiles(decide)
    return f'p50 {middle:.1f} ms, p95 {most:.1f} ms'


def recompute(bench: Bench) -> str:
    """Sixteen samples of each of a batch of new states."""
    numbers = _generator()

    def sample() -> None:
        bench.policy.sample(bench.policy.encode(bench.unseen(bench.batch)), SAMPLES, numbers)

    return f'{1e3 * bench.batch / bench.quantiles(sample)[0]:.1f} states/s'


def seeing(bench: Bench) -> str:
    """Let the towers see one new picture."""
    middle, most = bench.quantiles(lambda: bench.policy.encode(bench.unseen(1)))
    return f'p50 {middle:.1f} ms, p95 {most:.1f} ms'


def sharing(bench: Bench) -> str:
    """Sixteen samples behind one prefix, against sixteen calls; the picture has been seen."""
    numbers, context = _generator(), bench.policy.encode(bench.unseen(1))

    def sample(count: int) -> None:
        bench.policy.sample(context, count, numbers)

    shared, _ = bench.quantiles(lambda: sample(SAMPLES))
    calls, _ = bench.quantiles(lambda: [sample(1) for _ in range(SAMPLES)])
    return f'{shared:.1f} against {calls:.1f} ms: {calls / shared:.1f} times faster'


def distillation(bench: Bench, targets: int, is_packed: bool) -> tuple[float, int]:
    """Return the time [ms] and the peak memory [bytes] of a step on targets (B, m, D).

    Packed, the m targets of a state are read behind one prefix; separate, each behind its own.
    """
    policy, numbers = bench.policy, _generator()
    states = policy.encode(bench.unseen(bench.batch))
    shape = (bench.batch, targets, policy.action_spec.flat_dim)
    actions = 2.0 * torch.rand(shape, generator=numbers) - 1.0
    if not is_packed:
        parts = (states.features, states.ids, states.lengths)
        states = PromptedPictures(*(each.repeat_interleave(targets, 0) for each in parts))
        actions = actions.flatten(0, 1).unsqueeze(1)
    optimiser = torch.optim.AdamW(policy.trainable_parameters(), lr=0.0)

    def step() -> None:
        policy.loss(states, actions, None, numbers).mean().backward()
        optimiser.step()
        optimiser.zero_grad()

    forget_peak()
    middle, _ = bench.quantiles(step)
    return middle, peak()


def forget_peak() -> None:
    """Begin a new peak of memory."""
    if torch.get_default_device().type == 'cuda':
        torch.cuda.reset_peak_memory_stats()
    else:
        Path('/proc/self/clear_refs').write_text('5')


def peak() -> int:
    """Return the peak of memory since then, of the device or of this process [bytes]."""
    if torch.get_default_device().type == 'cuda':
        return torch.cuda.max_memory_allocated()
    lines = Path('/proc/self/status').read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith('VmHWM:')).split()[1])


def one_step(bench: Bench, targets: int, is_packed: bool) -> str:
    """Write a step's time and memory; one that does not fit says so."""
    try:
        middle, most = distillation(bench, targets, is_packed)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return 'out of memory'
    return f'{middle:.0f} ms, {most / 1e9:.2f} GB'


def packing(bench: Bench) -> str:
    """Eight targets of a state packed, against separate."""
    try:
        packed, _ = distillation(bench, 8, is_packed=True)
        separate, _ = distillation(bench, 8, is_packed=False)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return 'out of memory'
    return f'{packed:.0f} against {separate:.0f} ms: {separate / packed:.1f} times faster'


def swap(bench: Bench) -> str:
    """Copy a version's adapters in place."""
    version = {name: each.cpu().clone() for name, each in bench.policy.state_dict().items()}
    size = sum(each.numel() * each.element_size() for each in version.values())
    middle, _ = bench.quantiles(lambda: bench.policy.load_state_dict(version))
    return f'{middle:.1f} ms for {size / 1e6:.1f} MB'


MEASURES: dict[str, Callable[[Bench], str]] = {
    f'picture to optimised action, k = {SAMPLES}, 10 critic steps': decision,
    'of it, the towers see the picture': seeing,
    f'recompute, k = {SAMPLES}': recompute,
    f'{SAMPLES} samples behind one prefix against {SAMPLES} calls': sharing,
    'distillation step, m = 4 packed': lambda bench: one_step(bench, 4, is_packed=True),
    'distillation step, m = 4 separate': lambda bench: one_step(bench, 4, is_packed=False),
    'distillation step, m = 8 packed against separate': packing,
    'swap of adapters': swap,
}
"""Rows of the table."""
