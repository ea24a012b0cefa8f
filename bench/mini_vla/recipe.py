# SPDX-License-Identifier: Apache-2.0
"""What the mini vision-language-action model is made of: the same recipe, the same model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
import hashlib
import json
from pathlib import Path
from typing import Annotated

from parl_files.config_file import between, from_mapping, Text, to_mapping
from parl_files.yaml_file import load_yaml
from parl_policy.observations import PictureConfig, Size
from parl_vla.openvla.small_model import SmallModelConfig

FORMAT = 3
"""Raised whenever the code makes something else of the same recipe."""

RECIPE_FILE = Path(__file__).with_name('recipe.yaml')

Share = Annotated[float, between(0.0, 1.0)]


@dataclass(frozen=True, kw_only=True)
class PhaseConfig:
    """A part of the training, with an optimiser of its own."""

    steps: int
    batch_size: int
    learning_rate: float
    """Highest learning rate of AdamW."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Numbers of the training."""

    see: PhaseConfig
    """The towers learn where things are."""
    act: PhaseConfig
    """The whole model learns what to do."""
    action_noise: float = 0.05
    """Standard deviation of noise on the translation that is taught, anew in each update.

    Without it the exact numbers that come first tell the later ones: the model reads these off the
    text, not off the picture, and is lost with the numbers that it draws itself.
    """
    label_width: float = 2.5
    """Standard deviation of an action's label over neighbouring bins [bins]."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The demonstrations, and how the pictures in them are seen."""

    task: Text
    """Name of the task file."""
    instructions: Mapping[str, Text]
    """Instruction by the name of the object that it names, in the order of their indices."""
    episodes: Mapping[str, int]
    """Training episodes of each instruction, by the same names."""
    shuffled_episodes: int = 200
    """Further episodes, of each instruction in turn, in which the objects are put elsewhere.

    A picture tells where things are only to a model that has seen them in thousands of places, and
    an episode shows one.
    """
    shuffle: Share = 0.5
    """Chance at each of their steps, unless the gripper holds something or is low."""
    validation_episodes: int = 10
    """Held-out episodes of each instruction, of a steady hand and rightly labelled."""
    mislabelled: Share = 0.3
    """Share of an instruction's episodes that take another object than it names.

    Labels of a crowd are like that, and it is why the model sometimes grasps the wrong thing.
    """
    push: float = 0.5
    """Largest standard deviation of the pushes on each step, as a part of the largest step.

    An arm that is always on its way gives its goal away, and a model that copies it never looks
    for the object (docs/pictures.md). So the operator's hand is clumsy, more in some episodes than
    in others, and what it meant is learned (DART, arXiv 1703.09327).
    """
    slip: Share = 0.05
    """Largest chance at each step that the gripper does the opposite for one to three steps.

    Otherwise no demonstration shows what to do about a gripper that closed in the air.
    """
    steps_after_success: int = 3
    """Control steps until an episode ends, after the first one with the object on the plate."""
    camera: Text = 'camera'
    """The camera that the model sees through."""
    recorded: Size = (240, 320)
    """(height, width) of the recorded frames [px], as in an experiment's `cameras`."""
    picture: PictureConfig = field(default_factory=PictureConfig)
    """What the model sees of a recorded frame."""
    seed: int = 0
    """Seed of everything that is drawn."""
    model: SmallModelConfig = field(default_factory=SmallModelConfig)
    """Shape of the model."""
    training: TrainingConfig
    """How it learns."""

    def __post_init__(self) -> None:
        """Check that the parts fit; raise ValueError that names field, value and remedy."""
        if list(self.episodes) != list(self.instructions) or len(self.instructions) < 2:
            raise ValueError(
                f'episodes names {list(self.episodes)}; give the names of instructions, '
                f'{list(self.instructions)}, in that order, two or more'
            )
        if min(*self.episodes.values(), self.shuffled_episodes, self.validation_episodes) < 0:
            raise ValueError('episodes, shuffled_episodes, validation_episodes: give 0 or more')
        if self.steps_after_success < 0 or self.push < 0.0:
            raise ValueError('steps_after_success and push: give 0 or more')
        if why := self.picture.misfit(self.recorded):
            raise ValueError(f'picture: {why}')

    @property
    def objects(self) -> list[str]:
        """Names of the objects, in the order of their indices."""
        return list(self.instructions)

    def hash(self) -> str:
        """Return the SHA-256 of format and content; the order of keys counts, as indices do."""
        return _hash(to_mapping(self))

    def data_hash(self) -> str:
        """Return the same of what the demonstrations depend on."""
        content = to_mapping(self)
        return _hash({k: v for k, v in content.items() if k not in ('model', 'training')})


def _hash(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps([FORMAT, content], ensure_ascii=False).encode()).hexdigest()


def load_recipe(path: Path = RECIPE_FILE) -> Recipe:
    """Read a recipe.

    Raises:
        ConfigError: Names file, key, what was found and what is allowed.
    """
    return from_mapping(Recipe, load_yaml(path), str(path))
