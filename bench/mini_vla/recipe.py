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
from parl_policy.networks.picture_augmentation import AugmentationConfig
from parl_policy.observations import PictureConfig, Size
from parl_vla.openvla.small_model import SmallModelConfig
from widowx_sim.scripted_expert import ExpertConfig

FORMAT = 2
"""Raised whenever the code makes something else of the same recipe."""

RECIPE_FILE = Path(__file__).with_name('recipe.yaml')

Share = Annotated[float, between(0.0, 1.0)]


@dataclass(frozen=True, kw_only=True)
class PhaseConfig:
    """A part of the training, with an optimiser and auxiliary heads of its own."""

    steps: int
    learning_rate: float
    """Highest learning rate of AdamW."""
    keypoint_weight: float
    """Weight of the places in the picture, beside the loss of the actions."""
    place_weight: float
    """Weight of the places in space."""
    action_noise: float = 0.0
    """Standard deviation of noise on the translation that is taught, anew in each update.

    Without it the exact numbers that come first tell the later ones: the model reads these off the
    text, not off the picture, and is lost with the numbers that it draws itself.
    """


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Numbers of the training."""

    phases: tuple[PhaseConfig, ...]
    """First where things are counts most, and then what to do."""
    batch_size: int = 32
    weight_decay: float = 0.01
    label_width: float = 2.5
    """Standard deviation of an action's label over neighbouring bins [bins]."""
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    """Random changes of the pictures; the places in them move with a shift."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The demonstrations, and how the pictures in them are seen."""

    task: Text
    """Name of the task file."""
    instructions: Mapping[str, Text]
    """Instruction by the name of the object that it names, in the order of their indices."""
    episodes: Mapping[str, int]
    """Training episodes of each instruction, by the same names."""
    validation_episodes: int = 10
    """Held-out episodes of each instruction, without noise and rightly labelled."""
    mislabelled: Share = 0.3
    """Share of an instruction's episodes that take another object than it names.

    Labels of a crowd are like that, and it is why the model sometimes grasps the wrong thing.
    """
    noisy_share: Share = 0.5
    """Share of an instruction's episodes with an aim error."""
    noise: ExpertConfig
    """Noise of the operator; only the noisy share of the episodes has the aim error."""
    push: float = 0.4
    """Standard deviation of a push on each horizontal step, as a part of the largest step.

    An arm that is always on its way gives its goal away, and a model that copies it never looks
    for the object (docs/pictures.md). So the operator is pushed, and what it meant is learned
    (DART, arXiv 1703.09327).
    """
    push_above_m: float = 0.09
    """Height of the gripper above which it is pushed [m, base_link]: not at the grasp."""
    steps_after_release: int = 4
    """Control steps until an episode ends, after the one that begins to open the gripper."""
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
        if min(self.episodes.values()) < 0 or self.validation_episodes < 0:
            raise ValueError('episodes and validation_episodes: give 0 or more')
        if self.steps_after_release < 1:
            raise ValueError(f'steps_after_release is {self.steps_after_release}: give 1 or more')
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
