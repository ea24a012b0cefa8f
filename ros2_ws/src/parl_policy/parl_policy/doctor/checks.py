# SPDX-License-Identifier: Apache-2.0
"""Checks that hold for every policy."""

from collections.abc import Iterator
import itertools
import time

import numpy as np
import torch

from parl_policy.acting.actor import Actor
from parl_policy.doctor.finding import Finding, judge, not_applicable
from parl_policy.doctor.probe import generator, OTHER_INSTRUCTION, Probe
from parl_policy.observations import Observation
from parl_policy.policy import Context

SAMPLES = 64
"""Samples of a distribution that is compared with another."""
LEAST_CHANGE = 1e-5
"""Relative change of the loss below which rounding may be all that differs."""
LEAST_SPREAD = 0.02
"""Spread that a sharper policy counts with [action units]: being sharp is not wrong."""
FAR = 3.0
"""Spreads between a policy and a demonstrator that cannot be an accident."""
DECISIONS = 20
WARM_UP = 3


@torch.no_grad()
def general_findings(actor: Actor, probe: Probe) -> Iterator[Finding]:
    """Examine what all policies have in common."""
    yield image_sensitivity(actor, probe)
    yield word_sensitivity(actor, probe)
    yield distinct_samples(actor, probe)
    yield first_action(actor, probe)
    yield learning_precision(actor)


def image_sensitivity(actor: Actor, probe: Probe) -> Finding:
    """Compare the policy before black, white and given pictures."""
    name = 'image sensitivity'
    if not actor.policy_needs.pictures:
        return not_applicable(name, 'the policy sees no pictures')
    seen = {
        'black': probe.with_pictures(0),
        'white': probe.with_pictures(255),
        'given': probe.observation,
    }
    return _sensitivity(
        name,
        actor,
        seen,
        'the policy does not see: check that the projector and the towers of the checkpoint hold '
        'weights, and that the picture is part of the prompt',
    )


def word_sensitivity(actor: Actor, probe: Probe) -> Finding:
    """Compare the policy after two instructions."""
    name = 'word sensitivity'
    if not actor.policy_needs.instruction:
        return not_applicable(name, 'the policy reads no instruction')
    told = {
        'given': probe.observation,
        'another instruction': probe.with_instruction(OTHER_INSTRUCTION),
    }
    return _sensitivity(
        name,
        actor,
        told,
        'the policy does not read: check that tokenizer.json is the one of the checkpoint and '
        'knows the words of the instructions',
    )


@torch.no_grad()
def _sensitivity(name: str, actor: Actor, seen: dict[str, Observation], remedy: str) -> Finding:
    """Compare samples drawn by the same numbers, and the loss on the same actions, pair by pair.

    The loss tells what a few samples of a broad distribution do not show.
    """
    contexts = {key: _encoded(actor, each) for key, each in seen.items()}
    samples = {
        key: actor.policy.sample(context, SAMPLES, generator())
        for key, context in contexts.items()
    }
    targets = next(iter(samples.values()))
    losses = {
        key: float(actor.policy.loss(context, targets, None, generator()))
        for key, context in contexts.items()
    }
    said, is_blind = [], False
    for first, second in itertools.combinations(seen, 2):
        moved = float((samples[first] - samples[second]).abs().mean())
        scale = max(abs(losses[first]), abs(losses[second]), 1e-12)
        change = abs(losses[first] - losses[second]) / scale
        said.append(
            f'{first} to {second} moves samples by {moved:.3g} and the loss by {100 * change:.2g}%'
        )
        is_blind |= moved == 0.0 and change < LEAST_CHANGE
    return judge(name, is_blind, ', '.join(said), remedy)


def distinct_samples(actor: Actor, probe: Probe) -> Finding:
    """Count the different actions among the k samples, from which a critic shall choose."""
    count = actor.optimisation.samples
    name = 'distinct samples'
    if count < 2:
        return not_applicable(name, f'{count} sample')
    drawn = actor.policy.sample(_encoded(actor, probe.observation), count, generator())[0]
    different = len(drawn.unique(dim=0))
    spread = float(drawn.std(0).mean())
    return judge(
        name,
        different < 2,
        f'{different} of {count} differ, spread {spread:.3f}',
        'the critic has nothing to choose from: raise the temperature, or check that the policy '
        'was not trained to one action',
    )


def first_action(actor: Actor, probe: Probe) -> Finding:
    """Compare the mean sample with what the demonstrator did, in units of the spread."""
    name = 'first action'
    if probe.action is None:
        return not_applicable(name, 'no --episode was given')
    recorded = torch.as_tensor(probe.action, device=torch.get_default_device())
    drawn = actor.policy.sample(_encoded(actor, probe.observation), SAMPLES, generator())[0]
    movable = actor.policy.action_spec.kinds().movable
    distance = float((drawn.mean(0) - recorded)[movable].square().mean().sqrt())
    spread = float(drawn.std(0)[movable].square().mean().sqrt())
    return judge(
        name,
        distance > FAR * max(spread, LEAST_SPREAD),
        f'mean sample {distance:.3f} from the recorded action, spread {spread:.3f}',
        'the policy acts unlike its training data: check unnorm_key, the order of the numbers '
        'and the cut of the picture; an episode that it was not trained on may differ too',
    )


def learning_precision(actor: Actor) -> Finding:
    """Name the types of the weights that learn; small updates vanish in less than float32."""
    kinds = sorted({str(each.dtype) for each in actor.policy.trainable_parameters()})
    return judge(
        'precision of learning',
        kinds not in ([], ['torch.float32']),
        f'weights that learn are {", ".join(kinds) or "none"}',
        'small updates would round to nothing: keep them in float32',
    )


def decision_time(actor: Actor, probe: Probe, rate_hz: float) -> Finding:
    """Time whole decisions on pictures that were not seen before."""
    draws, numbers = np.random.default_rng(0), generator()
    actor.prepare()
    times_ms = []
    for _ in range(WARM_UP + DECISIONS):
        observation = probe.unseen(draws)
        begin = time.perf_counter()
        actor.act(observation, numbers)  # its action is an array: nothing is left on a GPU
        times_ms.append(1e3 * (time.perf_counter() - begin))
    middle, most = np.quantile(times_ms[WARM_UP:], [0.5, 0.95])
    period_ms = 1e3 / rate_hz
    critic = 'with' if actor.critic else 'without'
    return judge(
        'decision time',
        most > period_ms,
        f'p50 {middle:.1f} ms, p95 {most:.1f} ms {critic} a critic, '
        f'k = {actor.optimisation.samples}; the period is {period_ms:.0f} ms',
        'take fewer samples or gradient steps, a faster device, or a lower control_rate_hz',
    )


def _encoded(actor: Actor, observation: Observation) -> Context:
    return actor.policy.encode(observation.for_needs(actor.policy_needs))
