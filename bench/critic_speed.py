# SPDX-License-Identifier: Apache-2.0
"""Speed of critic updates, distillation, sampling and decisions beside a literal transcription.

Shapes of the reference figures: observation 60, action 9, critics of 512×3 with LayerNorm and 128
bins, batch 256, k = 32, m = 10, T = 10, 10 actions a kind in the conservative term. The sides
take turns, so that other load on the machine falls on all; each time is a median. The literal
one multiplies matrices as torch does by default. Then the demo's shapes, ours alone: its updates
take particles that are made anew only every so often.
"""

import argparse
from collections.abc import Callable, Iterator
import dataclasses
from dataclasses import dataclass
import itertools
import os
from pathlib import Path
import platform
import statistics
import subprocess
import sys
import time

import literal_diffusion
from literal_pa_rl import LiteralCriticTrainer, optimise
import torch

from parl_learner.action_cache import ActionCache
from parl_learner.critic_trainer import CriticTrainer, CriticTrainerConfig
from parl_learner.experiment_config import load_experiment
from parl_learner.offline.whole_number import at_least_1
from parl_learner.policy_trainer import PolicyTrainer, PolicyTrainerConfig
from parl_learner.replay import Batch
from parl_policy.action_optimisation import ActionOptimisationConfig
from parl_policy.actor import Actor
from parl_policy.critic import CriticConfig, CriticEnsemble
from parl_policy.device import use_device
from parl_policy.diffusion_policy import DiffusionPolicy, DiffusionPolicyConfig
from parl_policy.float32_product import choose_float32_product
from parl_policy.mean_q import Precision
from parl_policy.policy import ActionSpec

DEMO = Path(__file__).parents[1] / 'ros2_ws/src/widowx_bringup/config/experiments/cup_to_rack.yaml'
CRITIC, SAMPLES = 'critic update, samples cached', 'samples, 512 states × k'
DISTILLATION = 'distillation step, 1,024 states, samples drawn anew'
DECISION = 'decision'
REFERENCE_S = {
    (CRITIC, 2): 1 / 0.52,
    (CRITIC, 10): 1 / 0.10,
    (DISTILLATION, 2): 1 / 0.22,
    (SAMPLES, 2): 0.95,
    (DECISION, 2): 0.021,
    (DECISION, 10): 0.041,
}
"""The authors' JAX on two other cores (AMD, avx512_bf16); not measured here."""
REFERENCE_GB = {2: 1.8, 10: 3.5}
DISTILLATION_STATES = 1024


@dataclass(frozen=True)
class Shape:
    """What a setting needs."""

    observation_dim: int
    spec: ActionSpec
    critic: CriticConfig
    trainer: CriticTrainerConfig
    optimisation: ActionOptimisationConfig
    policy: DiffusionPolicyConfig
    batch: int


def reference_shape(members: int) -> Shape:
    """The paper's numbers."""
    return Shape(
        observation_dim=60,
        spec=ActionSpec(horizon=1, dim=9),
        critic=CriticConfig(members=members),
        trainer=CriticTrainerConfig(backup='argmax'),
        optimisation=ActionOptimisationConfig(),
        policy=DiffusionPolicyConfig(),
        batch=256,
    )


def demo_shape() -> Shape:
    """The demo's, from its file."""
    learning = load_experiment(DEMO).learning
    return Shape(
        observation_dim=12,
        spec=ActionSpec(horizon=1, dim=7, binary=(6,)),
        critic=learning.critic,
        trainer=learning.critic_trainer,
        optimisation=learning.optimisation,
        policy=DiffusionPolicyConfig(**learning.policy),
        batch=learning.critic_batch_size,
    )


class Work:
    """Random data, untrained networks and the samples of the states and next states of a batch."""

    def __init__(self, shape: Shape) -> None:
        """Make everything from one seed."""
        torch.manual_seed(0)
        self.shape = shape
        self.draws = torch.Generator(torch.get_default_device()).manual_seed(1)
        self.critic = CriticEnsemble(shape.observation_dim, shape.spec.flat_dim, shape.critic)
        self.policy = DiffusionPolicy(shape.observation_dim, shape.spec, shape.policy)
        self.observations = torch.randn(DISTILLATION_STATES, shape.observation_dim)
        actions = torch.rand(DISTILLATION_STATES, shape.spec.flat_dim) * 2.0 - 1.0
        self.actions = shape.spec.snap(actions)
        self.rows, self.next_rows = torch.arange(2 * shape.batch).split(shape.batch)
        self.batch = Batch(
            rows=self.rows,
            next_rows=self.next_rows,
            observations=self.observations[self.rows],
            next_observations=self.observations[self.next_rows],
            actions=self.actions[self.rows],
            rewards=-torch.ones(shape.batch),
            discounts=torch.full((shape.batch,), 0.99),
            returns=-100.0 * torch.rand(shape.batch),
        )


class Ours:
    """The suite's own steps."""

    def __init__(self, work: Work, precision: Precision = 'float32') -> None:
        """Sample the whole batch and optimise it once."""
        self.work = work
        self.optimisation = dataclasses.replace(work.shape.optimisation, precision=precision)
        self.trainer = CriticTrainer(work.critic, work.shape.trainer)
        self.policy_trainer = PolicyTrainer(work.policy, PolicyTrainerConfig())
        self.cache = self._sampled(work.observations[: 2 * work.shape.batch])
        self.cache.optimise_all(
            work.critic,
            work.observations[: 2 * work.shape.batch],
            work.actions[: 2 * work.shape.batch],
            work.draws,
        )
        self.actor = Actor(work.policy, work.critic, self.optimisation)
        self.observation = work.observations[0].cpu().numpy()

    def critic_update(self) -> None:
        """Particles of states and next states made anew, then the update."""
        rows = torch.cat([self.work.rows, self.work.next_rows])
        self.cache.optimise(self.work.critic, self.work.observations, None, rows, self.work.draws)
        self.update_alone()

    def update_alone(self) -> None:
        """The update with the particles at hand."""
        self.trainer.update(
            self.work.batch,
            self.cache.particles(self.work.rows),
            self.cache.particles(self.work.batch.next_rows),
            self.work.draws,
        )

    def samples(self) -> None:
        """Base samples of states and next states."""
        self._sampled(self.work.observations[: 2 * self.work.shape.batch])

    def distillation_step(self) -> None:
        """Sample, optimise, one gradient step of the policy."""
        work, cache = self.work, self._sampled(self.work.observations)
        cache.optimise_all(work.critic, work.observations, work.actions, work.draws)
        particles = cache.distillation_particles(torch.arange(DISTILLATION_STATES))
        targets = particles.sample(1, work.draws)
        self.policy_trainer.update(work.observations, targets, work.draws)

    def decision(self) -> None:
        """One action for one observation."""
        self.actor.act(self.observation, self.work.draws)

    def _sampled(self, observations: torch.Tensor) -> ActionCache:
        cache = ActionCache(self.optimisation, self.work.shape.spec)
        cache.sample_all(self.work.policy, observations, self.work.draws)
        return cache


class Literal:
    """The same steps with no thrift."""

    def __init__(self, work: Work) -> None:
        """Copy the critic; sample the batch."""
        self.work = work
        self.trainer = LiteralCriticTrainer(work.critic)
        self.policy_trainer = PolicyTrainer(work.policy, PolicyTrainerConfig())
        self.policy_trainer.optimiser = torch.optim.Adam(work.policy.trainable_parameters())
        self.candidates = self._sampled(work.batch.observations)
        self.next_candidates = self._sampled(work.batch.next_observations)

    def critic_update(self) -> None:
        """Three optimisations and the update."""
        self.trainer.update(
            self.work.batch,
            self.candidates,
            self.next_candidates,
            self.work.shape.optimisation,
            self.work.draws,
        )

    def samples(self) -> None:
        """Base samples of states and next states."""
        self._sampled(self.work.batch.observations)
        self._sampled(self.work.batch.next_observations)

    def distillation_step(self) -> None:
        """Sample, optimise, one gradient step of the policy."""
        work, critic = self.work, self.trainer.critic
        candidates = self._sampled(work.observations)
        actions, values = optimise(
            critic, work.observations, candidates, work.shape.optimisation, work.actions
        )
        drawn = torch.multinomial(values.softmax(1), 1, generator=work.draws)
        targets = actions.gather(1, drawn.unsqueeze(-1).expand(-1, -1, actions.shape[-1]))
        self.policy_trainer.update(work.observations, targets, work.draws)

    def decision(self) -> None:
        """One action for one observation."""
        state = self.work.observations[:1]
        actions, values = optimise(
            self.trainer.critic, state, self._sampled(state), self.work.shape.optimisation
        )
        actions[0, values[0].argmax()].cpu().numpy()

    def _sampled(self, observations: torch.Tensor) -> torch.Tensor:
        return literal_diffusion.sample(
            self.work.policy, observations, self.work.shape.optimisation.samples, self.work.draws
        )


@dataclass(frozen=True)
class Times:
    """Medians of one kind of step [s]."""

    wall: float
    cpu: float


def in_turns(steps: dict[str, Callable[[], None]], rounds: int) -> dict[str, Times]:
    """Time steps one after the other, again and again; of several rounds the first warms up."""
    chosen = torch.get_float32_matmul_precision()
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            torch.set_float32_matmul_precision('highest' if name == 'literal' else chosen)
            wall, cpu = time.perf_counter(), time.process_time()
            step()
            if torch.get_default_device().type == 'cuda':
                torch.cuda.synchronize()
            taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
            torch.set_float32_matmul_precision(chosen)
    return {
        name: Times(
            *(statistics.median(column) for column in zip(*each[rounds > 1 :], strict=True))
        )
        for name, each in taken.items()
    }


def reference_rows(members: int, rounds: int) -> Iterator[str]:
    """Yield the table rows of one ensemble size."""
    work = Work(reference_shape(members))
    sides = {name: make(work) for name, make in SIDES.items()}
    steps = {CRITIC: ('critic_update', rounds), DECISION: ('decision', 10 * rounds)}
    if members == 2:
        steps[SAMPLES] = ('samples', rounds)
        steps[DISTILLATION] = ('distillation_step', rounds)
    for name, (method, count) in steps.items():
        times = in_turns({side: getattr(each, method) for side, each in sides.items()}, count)
        yield _row(name, members, times, REFERENCE_S.get((name, members)))
    peaks = [_peak_gb(side, members) for side in SIDES]
    shown = ' | '.join(f'{peak:.2f}' for peak in peaks)
    ratios = ' | '.join(f'{peaks[-1] / peak:.2f}' for peak in peaks[:-1])
    yield (
        f'| peak memory of critic updates, GB | {members} | {shown} | {ratios} '
        f'| {REFERENCE_GB[members]} |'
    )


def _row(name: str, members: int, times: dict[str, Times], reference: float | None) -> str:
    shown = ' | '.join(f'{each.wall:.3f} ({each.cpu:.3f})' for each in times.values())
    # CPU seconds leave out what other processes take; a GPU's do not count there.
    clock = 'wall' if torch.get_default_device().type == 'cuda' else 'cpu'
    literal, *ours = (getattr(times[side], clock) for side in reversed(SIDES))
    ratios = ' | '.join(f'{literal / each:.2f}' for each in reversed(ours))
    return (
        f'| {name} | {members} | {shown} | {ratios} | {f"{reference:.3f}" if reference else "–"} |'
    )


def demo_rows(rounds: int) -> Iterator[str]:
    """Yield the table rows of the demo's shapes."""
    ours = Ours(Work(demo_shape()))
    steps = {
        'critic update, particles cached': ours.update_alone,
        'critic update, samples cached': ours.critic_update,
        'decision': ours.decision,
    }
    for name, times in in_turns(steps, 10 * rounds).items():
        yield f'| {name} | {1e3 * times.wall:.1f} | {1e3 * times.cpu:.1f} |'


SIDES: dict[str, Callable[[Work], Ours | Literal]] = {
    'ours': Ours,
    'ours, bfloat16': lambda work: Ours(work, 'bfloat16'),
    'literal': Literal,
}


def _peak_gb(side: str, members: int) -> float:
    """Peak memory of a process that does nothing but critic updates, where it computes."""
    device = torch.get_default_device().type
    command = [sys.executable, __file__, '--device', device, '--peak', side, str(members)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(answer.stdout) / 1e9


def _own_peak_bytes() -> int:
    if torch.get_default_device().type == 'cuda':
        return torch.cuda.max_memory_reserved()
    # Not getrusage: its maximum goes back to before exec, when this was the parent's memory.
    status = Path('/proc/self/status').read_text(encoding='utf-8')
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if 'VmHWM' in line)


def update_operations(shape: Shape) -> float:
    """Floating-point operations that the products of a critic update cannot do without.

    Of states and next states: k rankings, T + 1 values and T gradients of m particles. Then the
    update itself, whose gradients cost twice its values: the data's action for all members, and
    for the drawn ones the target's next action and 12 actions of the conservative term.
    """
    widths = (0, *shape.critic.hidden)
    weights = sum(a * b for a, b in itertools.pairwise((*widths, shape.critic.bins)))
    weights += shape.spec.flat_dim * sum(shape.critic.hidden)
    first = shape.observation_dim * shape.critic.hidden[0]
    o, states = shape.optimisation, 2 * shape.batch
    passes = o.samples + (2 * o.gradient_steps + 1) * o.particles
    climbing = states * shape.critic.members * (first + passes * weights)
    drawn = 2 * (3 * (shape.trainer.cql_actions + 2) + 1)
    update = shape.batch * (3 * shape.critic.members + drawn) * (first + weights)
    return 2.0 * (climbing + update)


def products_rate(dtype: torch.dtype) -> float:
    """Operations a second of large matrix products here."""
    n = 8192 if torch.get_default_device().type == 'cuda' else 1024
    left, right = torch.randn(2, n, n, dtype=dtype)
    times = in_turns({'products': lambda: torch.mm(left, right)}, 6)
    return 2.0 * n**3 / times['products'].wall


def main() -> None:
    """Print the machine and two tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=at_least_1, default=2, help='turns of each long step')
    parser.add_argument(
        '--threads', type=at_least_1, default=1, help="torch's; more only on idle cores"
    )
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cpu')
    parser.add_argument('--peak', nargs=2, metavar=('SIDE', 'MEMBERS'), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    choose_float32_product()
    device = use_device(arguments.device)
    product = torch.get_float32_matmul_precision()
    if arguments.peak:
        side, members = arguments.peak
        worker = SIDES[side](Work(reference_shape(int(members))))
        worker.critic_update()
        print(_own_peak_bytes())
        return
    load = os.getloadavg()[0]
    print(
        f'{_processor()}, {os.cpu_count()} cores, load {load:.1f} by other processes when this '
        f'began, {arguments.threads} thread(s), device {device}, torch {torch.__version__}, '
        f'float32 products by {product!r}. Wall seconds (CPU seconds) unless said.\n'
    )
    print(
        f'| step | critics | {" | ".join(SIDES)} | literal / ours '
        '| literal / bfloat16 | reference, wall |'
    )
    print('|---' * 8 + '|', flush=True)
    for members in (2, 10):
        for row in reference_rows(members, arguments.rounds):
            print(row, flush=True)
    for dtype in (torch.float32, torch.bfloat16):
        rate = products_rate(dtype)
        floors = (update_operations(reference_shape(members)) / rate for members in (2, 10))
        shown = ' and '.join(f'{floor:.4f}' for floor in floors)
        print(f'\n{dtype}: {rate / 1e12:.2f} TFLOP/s; the products of an update need {shown} s.')
    print("\n| the demo's shapes, ours | wall, ms | CPU, ms |\n|---|---|---|")
    for row in demo_rows(arguments.rounds):
        print(row, flush=True)


def _processor() -> str:
    information = Path('/proc/cpuinfo')
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    return platform.processor() or 'unknown processor'


if __name__ == '__main__':
    main()
