# SPDX-License-Identifier: Apache-2.0
"""What really follows an action: samples of the policy are played out from one saved state.

Where all samples end alike nothing can be ranked, so only states count in which the policy now
fails and now succeeds. Half of the samples have noise: the policy's own differ by millimetres.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from parl_learner.plan.experiment_config import ExperimentConfig
from parl_policy.acting.actor import Actor
from parl_policy.acting.actor_file import load_actor
from parl_policy.acting.open_loop_actor import OpenLoopActor
from parl_policy.observations import Observation
from ranking.branching_station import BranchingStation, Moment
from ranking.data import new_station, policy_file

NOISE = 0.3
"""Standard deviation of the noise on dx, dy and dz, in normalised action units."""
LONGEST = 30
"""Control steps after which an episode that goes on counts as failed; successes need about 20."""
SCREENED = 4
"""Continuations that say whether a state is undecided."""
FIRST_SEED = 40_000
_EARLY = 6
_LAST_STEPS = 15


@dataclass(frozen=True)
class TrueStates:
    """N states, k actions in each, and what followed.

    Attributes:
        numbers: (N, 8) float32.
        positions: (N, O) float32, what learning from object positions observes.
        pictures: (N, H, W, 3) uint8, of the camera.
        actions: (N, k, 7) float32.
        returns: (N, k, c) discounted returns of c continuations by the policy.
        wrong: (N, k, c) bool, whether another object than the task's was lifted in each.
        tried: () number of episodes that were begun for it.
    """

    numbers: np.ndarray
    positions: np.ndarray
    pictures: np.ndarray
    actions: np.ndarray
    returns: np.ndarray
    wrong: np.ndarray
    tried: np.ndarray

    def observation(self, at: int, camera: str) -> Observation:
        """Return a state with its picture."""
        return Observation(self.numbers[at], {camera: self.pictures[at]})


def load_states(path: Path) -> TrueStates:
    """Read the states that `find_states` wrote."""
    with np.load(path) as file:
        found = dict(file)
    # Files of the cup are older than this column: there is nothing else to lift.
    found.setdefault('wrong', np.zeros(found['returns'].shape, bool))
    return TrueStates(**found)


def return_after(steps: int, success: bool, discount: float) -> float:
    """Return the discounted return of `steps` more steps; a failure goes on for ever."""
    worst = -1.0 / (1.0 - discount)
    return worst * (1.0 - discount ** (steps - 1)) if success else worst


def phase_of(numbers: np.ndarray) -> str:
    """Tell from the numbers (8,) of the arm what it is about to do, in both tasks."""
    if numbers[1] > 0.10:
        return 'place'
    if numbers[6] < 0.5:
        return 'carry'
    return 'grasp' if numbers[2] < 0.075 else 'approach'


class Branches:
    """Plays a policy on from kept moments."""

    def __init__(self, station: BranchingStation, actor: Actor, discount: float) -> None:
        """Take the station and the policy."""
        self._station, self._actor, self._discount = station, actor, discount
        self._seed = 0

    def undecided(
        self, seed: int, phase: str, samples: int, continuations: int
    ) -> dict[str, np.ndarray] | None:
        """Return a state of an episode with what followed; None if all ends alike there."""
        kept = self._drawn(seed, phase)
        if kept is None:
            return None
        saved, moment = kept
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            context = self._actor.policy.encode(
                moment.observation.for_needs(self._actor.policy_needs)
            )
            actions = self._actor.policy.sample(context, samples, generator)[0].numpy()
        screened = [self._played_out(saved, moment, action)[0] for action in actions[:SCREENED]]
        if len({value > -1.0 / (1.0 - self._discount) + 1.0 for value in screened}) == 1:
            return None
        noise = np.random.default_rng(seed).normal(0.0, NOISE, (samples // 2, 3))
        actions[-(samples // 2) :, :3] += noise
        actions = actions.clip(-1.0, 1.0)
        played = np.array(
            [
                [self._played_out(saved, moment, action) for _ in range(continuations)]
                for action in actions
            ]
        )
        return {
            'numbers': moment.observation.numbers,
            'positions': moment.positions,
            'pictures': next(iter(moment.observation.pictures.values())),
            'actions': actions,
            'returns': played[..., 0],
            'wrong': played[..., 1] > 0.5,
        }

    def _drawn(self, seed: int, phase: str) -> tuple[Mapping[str, Any], Moment] | None:
        """Play an episode; return one of its first moments of a phase."""
        station = self._station
        moment, kept = station.begin(seed), []
        choose = self._chooser()
        while not moment.done and moment.step < station.horizon - _LAST_STEPS:
            if phase_of(moment.observation.numbers) == phase:
                kept.append((station.save(), moment))
            if len(kept) == _EARLY:  # later ones are mostly those of an arm that waits
                break
            moment = station.after(moment, choose(moment))
        return kept[np.random.default_rng(seed).integers(len(kept))] if kept else None

    def _chooser(self) -> Callable[[Moment], np.ndarray]:
        self._seed += 1
        actor = OpenLoopActor(self._actor, self._seed)
        return lambda now: actor.act(now.step, now.observation).action.astype(np.float64)

    def _played_out(
        self, saved: Mapping[str, Any], moment: Moment, action: np.ndarray
    ) -> tuple[float, bool]:
        """Return the return of an action and then the policy, and if another object was lifted."""
        self._station.go_back(saved)
        choose = self._chooser()
        now, steps = self._station.after(moment, action.astype(np.float64)), 1
        wrong = now.lifted_other
        while not now.done and now.step < self._station.horizon and steps < LONGEST:
            now, steps = self._station.after(now, choose(now)), steps + 1
            wrong |= now.lifted_other
        return return_after(steps, now.done, self._discount), wrong


def find_states(
    config: ExperimentConfig, folder: Path, states: int, samples: int, continuations: int
) -> None:
    """Add undecided states to `folder/truth.npz` until there are enough.

    Stopped, it goes on with the next episode, but with other draws of the policy.
    """
    path = folder / 'truth.npz'
    found: list[dict[str, np.ndarray]] = []
    tried = 0
    if path.exists():
        old = vars(load_states(path))
        tried = int(old.pop('tried'))
        found = [dict(zip(old, row, strict=True)) for row in zip(*old.values(), strict=True)]
    actor = load_actor(policy_file(folder), None)[0]
    with closing(new_station(config)) as station:
        branches = Branches(station, actor, config.learning.discount)
        while len(found) < states:
            phase = ('approach', 'grasp')[tried % 2]
            state = branches.undecided(FIRST_SEED + tried, phase, samples, continuations)
            tried += 1
            if state is not None:
                found.append(state)
                print(f'{len(found)} states of {tried} episodes', flush=True)
                columns = {name: np.stack([each[name] for each in found]) for name in state}
                np.savez_compressed(path, tried=np.array(tried), **columns)
