# SPDX-License-Identifier: Apache-2.0
"""Demonstrations for the mini model: PYTHONPATH=bench python3 -m mini_vla.demonstrations FILE.npz.

An operator that knows the simulator's true poses puts one of several objects on the plate, with a
clumsy hand: what it meant is learned, also in the states that the hand has got it into.
"""

import argparse
from collections import defaultdict
import dataclasses
from dataclasses import dataclass
from pathlib import Path
import time

from in_process.station import InProcessStation
import numpy as np

from mini_vla.operator import AROUND, operate
from mini_vla.recipe import load_recipe, Recipe, RECIPE_FILE
from parl_files.durable_file import write_durably
from parl_files.episode import Outcome, Purpose
from parl_policy.episode.player import EpisodeGoal, EpisodePlayer, UNKNOWN
from widowx_description.finger import opening_from_finger
from widowx_sim.scene.scene_object import Vegetable

TASKS = Path(__file__).parents[2] / 'ros2_ws/src/widowx_bringup/config/tasks'
FIRST_SEED = 7_000_000
"""Above the seeds of experiments, so that no start of theirs is among the demonstrations."""

CLEAR_M = 0.09
"""Height of the gripper above which no object touches it [m, base_link]."""


@dataclass(frozen=True)
class Plan:
    """An episode to demonstrate.

    Attributes:
        seed: Seed of the start and of the operator's hand.
        instruction: Index of the object that the instruction names.
        taken: Index of the object that the operator takes.
        clumsiness: 0 for a steady hand to 1 for one as clumsy as the recipe's.
        shuffled: Whether objects are laid out anew now and then, until the time is over.
        validation: Whether the model must not learn from it.
    """

    seed: int
    instruction: int
    taken: int
    clumsiness: float
    shuffled: bool
    validation: bool


@dataclass(frozen=True, eq=False)
class Demonstrations:
    """N control steps of E episodes, in order; the fields of the .npz file.

    Places are those of the gripper's tip, of the middles of the objects in the recipe's order, and
    of the middle of the plate: K of them.
    """

    pictures: np.ndarray
    """(N, height, width, 3) uint8 RGB, what `PictureConfig.of` returns."""
    actions: np.ndarray
    """(N, 7) float32 actions in [-1, 1] that the operator meant, not what its hand did."""
    keypoints: np.ndarray
    """(N, K, 2) float32 column and row of each place, as shares 0…1 of the picture."""
    positions: np.ndarray
    """(N, K, 3) float32 true places [m, base_link]."""
    episode: np.ndarray
    """(N,) int64 index of the step's episode, 0 … E - 1."""
    instruction: np.ndarray
    """(N,) int64 index of the object that the instruction names."""
    taken: np.ndarray
    """(N,) int64 index of the object that is taken."""
    success: np.ndarray
    """(N,) bool, whether that object truly rests on the plate at the end of the episode."""
    validation: np.ndarray
    """(N,) bool, whether the step is held out."""

    def save(self, path: Path, recipe: Recipe) -> None:
        """Write the file, whole or not at all; it names the recipe that it was made by."""
        fields = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        write_durably(
            path, lambda file: np.savez_compressed(file, recipe=recipe.data_hash(), **fields)
        )

    @classmethod
    def load(cls, path: Path) -> 'Demonstrations':
        """Read a file that `save` wrote."""
        with np.load(path) as stored:
            return cls(**{each.name: stored[each.name] for each in dataclasses.fields(cls)})


class DemonstrationStation(InProcessStation):
    """Plays the scripted operator for any of the movable objects."""

    def __init__(self, recipe: Recipe) -> None:
        """Build the station of the recipe's task."""
        super().__init__(TASKS / f'{recipe.task}.yaml', {recipe.camera: recipe.recorded})
        self._recipe = recipe

    def demonstrate(self, plan: Plan) -> dict[str, np.ndarray]:
        """Play one episode; return its T steps by the fields of `Demonstrations`."""
        recipe = self._recipe
        self._make_task_of(recipe.objects[plan.taken])
        goal = EpisodeGoal(f'{plan.seed}', Purpose.DEMONSTRATION, self.horizon, plan.seed)
        command, layout = self._begin(goal)
        player = EpisodePlayer(goal, layout)
        hand, shuffles = _Hand(recipe, plan), np.random.default_rng([plan.seed, 0x51])
        positions: list[np.ndarray] = []
        meant: list[np.ndarray] = []
        steps_done = 0
        while True:
            if plan.shuffled and shuffles.random() < recipe.shuffle and self._is_clear():
                self._station.lay_out(shuffles)
            # The detector does not know every object: the simulator says what was achieved.
            state = dataclasses.replace(self._look(command).state, verdict=UNKNOWN)
            steps_done += self._station.is_task_done()
            if steps_done > recipe.steps_after_success and not plan.shuffled:
                player.stop(Outcome.SUCCESS)
            player.see(state)
            if player.over:
                break
            positions.append(self.places())
            gripper, thing, goal = positions[-1][[0, 1 + plan.taken, -1]]
            target, opening = state.target.position, state.gripper_opening
            action = operate(self.script, target, opening, gripper, thing, goal)
            meant.append(action.astype(np.float32))
            command = self._drive(player.act(hand.does(action), ''), command)
        episode = player.episode({})
        assert episode is not None
        seen = [recipe.picture.of(picture) for picture in episode.films[recipe.camera]]
        return {
            'pictures': np.stack(seen[:-1]),  # nothing is done after the last one
            'actions': np.stack(meant),
            'keypoints': self.keypoints(np.stack(positions)).astype(np.float32),
            'positions': np.stack(positions).astype(np.float32),
            'success': np.full(len(episode), episode.success),
        }

    def places(self) -> np.ndarray:
        """Return where gripper, objects and plate are now, (K, 3) [m, base_link]."""
        scene = self._station.task.scene
        found = [self._station.end_effector_pose()[:3, 3]]
        for each in (*self._recipe.objects, self._station.task.goal):
            shape = scene[each]
            height = shape.thickness if isinstance(shape, Vegetable) else shape.height
            found.append(self._station.object_pose(each)[0] + [0.0, 0.0, height / 2])
        return np.stack(found)

    def _is_clear(self) -> bool:
        """Tell whether the gripper is open, and above everything."""
        is_high = bool(self._station.end_effector_pose()[2, 3] > CLEAR_M)
        return is_high and opening_from_finger(self._arm().finger_m) > AROUND

    def keypoints(self, positions: np.ndarray) -> np.ndarray:
        """Return positions (…, 3) [m] as column and row, (…, 2) shares of the seen picture."""
        pose, camera = self._station.camera_pose(), self._station.task.camera
        rays = (positions - pose[:3, 3]) @ pose[:3, :3] @ self._station.camera_intrinsics().T
        # Half a pixel, because the middle of the first pixel is not the picture's edge.
        shares = (rays[..., :2] / rays[..., 2:] + 0.5) / [camera.width, camera.height]
        return self._recipe.picture.within(shares)

    def _make_task_of(self, name: str) -> None:
        """Make it the simulator's task to move that object; its truth is then about it."""
        task = self._station.task
        reward = dataclasses.replace(task.reward, object=name)
        self._station.task = dataclasses.replace(task, reward=reward)


def plans(recipe: Recipe) -> list[Plan]:
    """Draw the episodes of a recipe, those for training first."""
    random = np.random.default_rng([recipe.seed, 0x0A])
    seeds = iter(range(FIRST_SEED + 10_000 * recipe.seed, 2**31))
    things, found = range(len(recipe.objects)), []
    for named, count in enumerate(recipe.episodes.values()):
        wrong = random.permutation(count) < round(recipe.mislabelled * count)
        for is_wrong, clumsiness in zip(wrong, random.random(count), strict=True):
            other = int(random.choice([thing for thing in things if thing != named]))
            taken = other if is_wrong else named
            found.append(
                Plan(
                    next(seeds), named, taken, float(clumsiness), shuffled=False, validation=False
                )
            )
    for named, clumsiness in zip(
        np.arange(recipe.shuffled_episodes) % len(things),
        random.random(recipe.shuffled_episodes),
        strict=True,
    ):
        found.append(Plan(next(seeds), int(named), int(named), float(clumsiness), True, False))
    held_out = [named for named in things for _ in range(recipe.validation_episodes)]
    return found + [Plan(next(seeds), named, named, 0.0, False, True) for named in held_out]


def make_demonstrations(recipe: Recipe) -> Demonstrations:
    """Play all episodes of a recipe, and say now and then when it will be done."""
    parts: dict[str, list[np.ndarray]] = defaultdict(list)
    todo, began = plans(recipe), time.time()
    station = DemonstrationStation(recipe)
    try:
        for episode, plan in enumerate(todo):
            steps = station.demonstrate(plan)
            for name, value in {**_labels(plan), 'episode': episode}.items():
                steps[name] = np.full(len(steps['actions']), value)
            for name, values in steps.items():
                parts[name].append(values)
            if (episode + 1) % 20 == 0:
                ends_s = began + (time.time() - began) * len(todo) / (episode + 1)
                clock = time.strftime('%H:%M:%S', time.localtime(ends_s))
                print(f'episode {episode + 1} of {len(todo)}; the end is at {clock}', flush=True)
    finally:
        station.close()
    return Demonstrations(**{name: np.concatenate(values) for name, values in parts.items()})


def _labels(plan: Plan) -> dict[str, int | bool]:
    return {
        'instruction': plan.instruction,
        'taken': plan.taken,
        'validation': plan.validation,
    }


class _Hand:
    """Does what the operator means, more or less."""

    def __init__(self, recipe: Recipe, plan: Plan) -> None:
        self._random = np.random.default_rng([plan.seed, 0x9A])
        self._push = recipe.push * plan.clumsiness
        self._slip = recipe.slip * plan.clumsiness
        self._slipped_steps = 0

    def does(self, action: np.ndarray) -> np.ndarray:
        """Return what is done instead of an action (7,), as in parl_msgs/Act."""
        done = action.copy()
        done[:3] += self._push * self._random.standard_normal(3)
        if self._slipped_steps == 0 and self._random.random() < self._slip:
            self._slipped_steps = int(self._random.integers(1, 4))
        if self._slipped_steps:
            self._slipped_steps -= 1
            done[6] *= -1.0
        return done.clip(-1.0, 1.0).astype(np.float32)


def main() -> None:
    """Make the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('file', type=Path)
    parser.add_argument('--recipe', type=Path, default=RECIPE_FILE)
    arguments = parser.parse_args()
    recipe = load_recipe(arguments.recipe)
    make_demonstrations(recipe).save(arguments.file, recipe)


if __name__ == '__main__':
    main()
