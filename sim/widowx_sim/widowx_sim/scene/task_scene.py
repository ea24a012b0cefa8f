# SPDX-License-Identifier: Apache-2.0
"""The part of a task file that the simulated station reads: camera, start, scene, script."""

from dataclasses import dataclass
import math
from pathlib import Path
from typing import ClassVar

from parl_files.config_file import Named, SharedSection, Text
from parl_files.task_file import read_task, Vector3
from widowx_sim.scene.scene_object import Fixed, Movable, require, SceneObject


@dataclass(frozen=True, kw_only=True)
class CameraScene(SharedSection):
    """The fixed third-person camera."""

    OTHERS: ClassVar = ('max_age', 'table_points')
    name: Text
    """Name; its optical frame is <robot>/<name>_optical."""
    width: int
    """Image width [px]."""
    height: int
    """Image height [px]."""
    fovy: float
    """Vertical field of view [rad]."""
    position: Vector3
    """Optical centre [m, base_link]."""
    look_at: Vector3
    """Point on the optical axis [m, base_link]."""

    def __post_init__(self) -> None:
        """Check the ranges; raise ValueError that names field, value and remedy."""
        require(self.width > 0, 'width', self.width, 'give a positive number of pixels')
        require(self.height > 0, 'height', self.height, 'give a positive number of pixels')
        require(0.0 < self.fovy < math.pi, 'fovy', self.fovy, 'give 0 < fovy < pi rad')
        require(
            math.dist(self.position[:2], self.look_at[:2]) > 1e-6,
            'look_at',
            self.look_at,
            'give a point that is not straight below or above position',
        )


@dataclass(frozen=True, kw_only=True)
class StartPose:
    """The pose in which the arm begins an episode."""

    position: Vector3
    """Position of ee_gripper_link [m, base_link]."""
    roll_pitch_yaw: Vector3
    """Fixed-axis rotation away from pointing straight down [rad]."""
    gripper: float
    """Gripper opening, 0 closed to 1 open."""

    def __post_init__(self) -> None:
        """Check the ranges; raise ValueError that names field, value and remedy."""
        require(0.0 <= self.gripper <= 1.0, 'gripper', self.gripper, 'give 0 to 1')


@dataclass(frozen=True, kw_only=True)
class Script:
    """How the scripted operator takes the object, and where it releases it."""

    hover_height: float
    """Height of ee_gripper_link on the way: a held object clears everything [m, base_link]."""
    grasp_height: float
    """Height of ee_gripper_link when the gripper closes [m, base_link]."""
    release_height: float
    """Height of ee_gripper_link when the gripper opens [m, base_link].

    It is the grasp height plus the height of the surface and a little more.
    """
    grasp_offset: tuple[float, float]
    """From the object's centre to the point of the grasp, (x, y) [m, base_link]."""

    def __post_init__(self) -> None:
        """Check the ranges; raise ValueError that names field, value and remedy."""
        heights = [self.grasp_height, self.release_height, self.hover_height]
        require(
            0.0 < self.grasp_height < self.release_height < self.hover_height,
            'grasp_height, release_height, hover_height',
            heights,
            'give 0 < grasp < release < hover',
        )


@dataclass(frozen=True, kw_only=True)
class Region(SharedSection):
    """The region into which the object must go."""

    relative_to: str
    """Name of the object that the region is around."""


@dataclass(frozen=True, kw_only=True)
class Goal(SharedSection):
    """The object to move, and its goal."""

    object: str
    """Name of the object to move."""
    region: Region


@dataclass(frozen=True, kw_only=True)
class TaskScene(SharedSection):
    """All that the simulated station needs of a task."""

    task: Text
    """Name of the task."""
    robot: Text
    """Prefix of the frames."""
    control_rate_hz: float
    """Control steps per second."""
    start: StartPose
    """Where the arm begins."""
    camera: CameraScene
    """The camera."""
    scene: Named[SceneObject]
    """Objects in the order of the file; those that the detector does not know are distractors."""
    reward: Goal
    """Which object must stand on which."""
    script: Script
    """How a script does the task."""

    def __post_init__(self) -> None:
        """Check the ranges; raise ValueError that names field, value and remedy."""
        require(
            0.0 < self.control_rate_hz <= 50.0,
            'control_rate_hz',
            self.control_rate_hz,
            'give more than 0 and at most 50 Hz',
        )
        names = ', '.join(self.scene)
        for key, name, kind in (
            ('reward.object', self.moved, Movable),
            ('reward.region.relative_to', self.goal, Fixed),
        ):
            is_kind = isinstance(self.scene.get(name), kind)
            require(is_kind, key, name, f'give a {kind.__name__.lower()} one of {names}')

    @property
    def moved(self) -> str:
        """Name of the object to move."""
        return self.reward.object

    @property
    def goal(self) -> str:
        """Name of the object that it must stand on."""
        return self.reward.region.relative_to

    @property
    def movables(self) -> dict[str, Movable]:
        """Objects that can move, in the order of their joints."""
        return {name: o for name, o in self.scene.items() if isinstance(o, Movable)}

    @property
    def surfaces(self) -> dict[str, Fixed]:
        """Objects that never move."""
        return {name: o for name, o in self.scene.items() if isinstance(o, Fixed)}


def load_task_scene(path: str | Path) -> TaskScene:
    """Read the parts of a task file that the simulation uses.

    Args:
        path: path of the task file (YAML).

    Returns:
        The checked scene; sections of other packages are not read.

    Raises:
        ConfigError: the file cannot be read, or a key is missing, unknown or has a wrong value.
    """
    return read_task(TaskScene, path)
