# SPDX-License-Identifier: Apache-2.0
"""A station whose moments can be kept, and from which several futures can be played."""

from collections.abc import Mapping
import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from in_process.station import Choose, InProcessStation, LIFTED_M
import mujoco
import numpy as np

from parl_files.episode import Episode, Purpose
from parl_policy.episode.action_space import apply_action
from parl_policy.episode.observation import ObservationLayout, StationState
from parl_policy.episode.player import EpisodeGoal, SUCCESS
from parl_policy.observations import Observation, Size
from widowx_driver.safety.command import Command

_PHYSICS = mujoco.mjtState.mjSTATE_INTEGRATION


@dataclass(frozen=True, eq=False)
class Moment:
    """What is known at a control boundary, in an episode that is not recorded.

    Attributes:
        step: Number of the control step in the episode, from 0.
        observation: What policy and critic see.
        positions: (O,) the observation of learning from object positions.
        state: What the observation was made of.
        done: Whether the detector sees the task done.
        lifted_other: Whether another object than the task's is truly lifted.
    """

    step: int
    observation: Observation
    positions: np.ndarray
    state: StationState
    done: bool
    lifted_other: bool


class BranchingStation(InProcessStation):
    """Keeps object positions beside each episode; continues from any moment, to the bit."""

    def __init__(
        self, task_file: Path, cameras: Mapping[str, Size], positions: Path | None = None
    ) -> None:
        """Build the parts.

        Args:
            task_file: The task.
            cameras: Recorded size of each camera, as in `ExperimentConfig`.
            positions: Folder for (N + 1, O) observations of object positions, one file an episode.
        """
        super().__init__(task_file, cameras)
        self._positions_folder = positions
        self._beside: list[np.ndarray] = []
        self._now: tuple[Command, ObservationLayout] | None = None
        self._at_rest = np.empty(0)  # heights of the other objects

    def play(self, goal: EpisodeGoal, choose: Choose) -> Episode:
        """Play one episode, keep its object positions and return it."""
        self._beside = []
        episode = super().play(goal, choose)
        if self._positions_folder is not None:
            self._positions_folder.mkdir(parents=True, exist_ok=True)
            beside = np.stack(self._beside[-len(episode.observations) :])
            np.save(self._positions_folder / f'{goal.episode_id}.npy', beside)
        return episode

    def begin(self, seed: int) -> Moment:
        """Begin an episode that is not recorded."""
        goal = EpisodeGoal(f'start-{seed}', Purpose.EVALUATION, self.horizon, seed)
        self._now = self._begin(goal)
        self._at_rest = self._heights_of_others()
        return self._moment(0)

    def after(self, moment: Moment, action: np.ndarray) -> Moment:
        """Execute an action (7,) in the present moment, which is the one given."""
        assert self._now is not None
        command, layout = self._now
        target = apply_action(moment.state.target, action)
        self._now = self._drive(target, command), layout
        return self._moment(moment.step + 1)

    def save(self) -> dict[str, Any]:
        """Return all that the future of the present moment depends on."""
        station = self._station
        physics = np.empty(mujoco.mj_stateSize(station._model, _PHYSICS))
        mujoco.mj_getState(station._model, station._data, physics, _PHYSICS)
        servos = {
            name: copy.deepcopy(value)
            for name, value in vars(station.servos).items()
            if not isinstance(value, (mujoco.MjModel, mujoco.MjData))
        }
        return {
            'physics': physics,
            'ticks': station._ticks,
            'servos': servos,
            'judge': copy.deepcopy(self._judge),
            'shell': copy.deepcopy(self._shell),
            'now': self._now,
        }

    def go_back(self, saved: Mapping[str, Any]) -> None:
        """Make what `save` returned the present; it can be any number of times."""
        station = self._station
        mujoco.mj_setState(station._model, station._data, saved['physics'], _PHYSICS)
        mujoco.mj_forward(station._model, station._data)  # changes what it starts from
        mujoco.mj_setState(station._model, station._data, saved['physics'], _PHYSICS)
        station._ticks = saved['ticks']
        vars(station.servos).update(copy.deepcopy(saved['servos']))
        station.profile = station.servos.profile
        self._judge = copy.deepcopy(saved['judge'])
        self._shell = copy.deepcopy(saved['shell'])
        self._now = saved['now']

    def _moment(self, step: int) -> Moment:
        assert self._now is not None
        command, layout = self._now
        state = self._look(command).state
        return Moment(
            step=step,
            observation=layout.observe(state, layout.record(state)),
            positions=self._beside[-1],
            state=state,
            done=state.verdict == SUCCESS,
            lifted_other=bool((self._heights_of_others() > self._at_rest + LIFTED_M).any()),
        )

    def _look(self, command: Command) -> Any:  # noqa: ANN401
        sight = super()._look(command)
        layout = ObservationLayout(object_names=tuple(sight.names))
        self._beside.append(layout.observe(sight.state).numbers)
        return sight
