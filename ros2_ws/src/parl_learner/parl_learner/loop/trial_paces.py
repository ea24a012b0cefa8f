# SPDX-License-Identifier: Apache-2.0
"""Times one unit of each kind of work before the learner comes to it, for an estimate."""

from collections.abc import Callable

import torch

from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.methods.stage import Stage, Work


def trial_paces(
    make_loop: Callable[[], LearningLoop], clock_s: Callable[[], float]
) -> dict[Work, float]:
    """Return the seconds per unit of each kind of work in a round, and of policy updates.

    A second loop does the work and is thrown away. Random draws are put back afterwards, so what
    is learned is equal to the bit. Policy updates are timed as imitation.

    Args:
        make_loop: Makes a loop with the same settings, data and stages; it is not trained.
        clock_s: Time [s].
    """

    def seconds(unit: Callable[[int], None], number: int) -> float:
        began = clock_s()
        unit(number)
        return clock_s() - began

    with torch.random.fork_rng(devices=[]):
        loop = make_loop()
        first_of = {stage.work: stage for stage in reversed(loop.stages)}
        paces = {Work.POLICY: seconds(lambda _: loop.units.imitate(), 0)}
        if Work.SEEING in first_of:
            paces[Work.SEEING] = seconds(first_of[Work.SEEING].unit, 0)
        if Work.SAMPLING in first_of:
            workers = max(1, loop.config.sampling.workers)  # on trial there is one
            paces[Work.SAMPLING] = seconds(first_of[Work.SAMPLING].unit, 0) / workers
            _repeat_samples(loop)
        if Work.CRITIC in first_of:
            paces[Work.CRITIC] = _critic_pace(loop, first_of[Work.CRITIC], seconds)
    return paces


def _repeat_samples(loop: LearningLoop) -> None:
    """Give the rows without samples those of the others: critic updates need some of each row."""
    state = loop.cache.state_dict()
    drawn = state['candidates']
    state['candidates'] = drawn[torch.arange(len(loop.replay.observations)) % len(drawn)]
    loop.cache.load_state_dict(state)


def _critic_pace(
    loop: LearningLoop, stage: Stage, seconds: Callable[[Callable[[int], None], int], float]
) -> float:
    """Return the mean of an update that renews all particles and of those that reuse them."""
    period = loop.config.particle_refresh_steps
    if period == 1:
        stage.unit(0)  # makes room for the particles
    renewing = seconds(stage.unit, period)
    reusing = seconds(stage.unit, period + 1) if period > 1 else 0.0
    return (renewing + (period - 1) * reusing) / period
