# SPDX-License-Identifier: Apache-2.0
"""What the simulated station reads from a task file: camera, start pose, objects."""

from collections.abc import Mapping
import dataclasses
from dataclasses import dataclass
import math
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints, TypeVar

import yaml

Section = TypeVar('Section')
Range = tuple[float, float]
Vector3 = tuple[float, float, float]
Rgba = tuple[float, float, float, float]


class TaskFileError(ValueError):
    """A task file cannot be used; the message names the file, the key and the remedy."""


def _require(is_valid: bool, name: str, value: object, remedy: str) -> None:
    if not is_valid:
        raise ValueError(f'{name} is {value}: {remedy}')


@dataclass(frozen=True, kw_only=True)
class CupScene:
    """A cup without a handle, and where it may stand after a reset."""

    radius: float
    """Outer radius [m]."""
    height: float
    """Height [m]."""
    wall: float
    """Thickness of wall and floor [m]."""
    mass: float
    """Mass [kg]."""
    x: Range
    """Lowest and highest x of its axis after a reset [m, base_link]."""
    y: Range
    """Lowest and highest y of its axis after a reset [m, base_link]."""
    yaw: Range
    """Lowest and highest yaw after a reset [rad]."""
    rgba: Rgba
    """Colour, each channel 0 to 1."""

    def __post_init__(self) -> None:
        """Check ranges; raises ValueError naming field, value and remedy."""
        _require(0.0 < self.wall < self.radius, 'wall', self.wall, 'give 0 < wall < radius')
        _require(self.height > 3 * self.wall, 'height', self.height, 'give more than 3 walls')
        _require(self.mass > 0.0, 'mass', self.mass, 'give a positive mass')
        for name in ('x', 'y', 'yaw'):
            low, high = getattr(self, name)
            _require(low <= high, name, [low, high], 'give [lowest, highest]')


@dataclass(frozen=True, kw_only=True)
class RackScene:
    """A low drying rack, fixed to the table."""

    position: tuple[float, float]
    """Centre (x, y) [m, base_link]."""
    size: tuple[float, float]
    """Full extent along x and y [m]."""
    height: float
    """Height of the surface that dishes stand on [m]."""
    rgba: Rgba
    """Colour, each channel 0 to 1."""

    def __post_init__(self) -> None:
        """Check ranges; raises ValueError naming field, value and remedy."""
        _require(min(self.size) > 0.04, 'size', self.size, 'give more than 0.04 m each way')
        _require(self.height > 0.005, 'height', self.height, 'give more than 0.005 m')


@dataclass(frozen=True, kw_only=True)
class CameraScene:
    """The fixed third-person camera."""

    name: str
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
        """Check ranges; raises ValueError naming field, value and remedy."""
        _require(self.width > 0, 'width', self.width, 'give a positive number of pixels')
        _require(self.height > 0, 'height', self.height, 'give a positive number of pixels')
        _require(0.0 < self.fovy < math.pi, 'fovy', self.fovy, 'give 0 < fovy < pi rad')
        _require(
            math.dist(self.position[:2], self.look_at[:2]) > 1e-6,
            'look_at',
            self.look_at,
            'give a point that is not straight below or above position',
        )


@dataclass(frozen=True, kw_only=True)
class StartPose:
    """Where the arm begins an episode."""

    position: Vector3
    """ee_gripper_link [m, base_link]."""
    roll_pitch_yaw: Vector3
    """Fixed-axis rotation away from pointing straight down [rad]."""
    gripper: float
    """Opening, 0 closed to 1 open."""

    def __post_init__(self) -> None:
        """Check ranges; raises ValueError naming field, value and remedy."""
        _require(0.0 <= self.gripper <= 1.0, 'gripper', self.gripper, 'give 0 to 1')


@dataclass(frozen=True, kw_only=True)
class TaskScene:
    """Everything the simulated station needs to know of a task."""

    task: str
    """Name of the task."""
    robot: str
    """Prefix of the frames."""
    control_rate_hz: float
    """Control steps per second."""
    start: StartPose
    """Where the arm begins."""
    camera: CameraScene
    """The camera."""
    cup: CupScene
    """The object to move."""
    rack: RackScene
    """Where it goes."""

    def __post_init__(self) -> None:
        """Check ranges; raises ValueError naming field, value and remedy."""
        _require(
            0.0 < self.control_rate_hz <= 50.0,
            'control_rate_hz',
            self.control_rate_hz,
            'give more than 0 and at most 50 Hz',
        )


def load_task_scene(path: str | Path) -> TaskScene:
    """Read the parts of a task file that the simulation uses.

    Args:
        path: task file (YAML).

    Returns:
        The checked scene. Sections of other packages are not looked at.

    Raises:
        TaskFileError: unreadable file, missing or unknown key, wrong type or value out of range.
    """
    where = str(path) or 'task_file is empty'
    try:
        content = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TaskFileError(f'{where}: cannot be read as a task file: {error}') from error
    root = _mapping(content, where)
    scene = _mapping(_take(root, 'scene', where), f'{where}: scene')
    for unknown in sorted(set(scene) - {'cup', 'rack'}):
        raise TaskFileError(f'{where}: scene.{unknown}: unknown key; known are cup, rack')
    sections = {
        'start': _build(StartPose, _take(root, 'start', where), f'{where}: start'),
        'camera': _build(
            CameraScene,
            _take(root, 'camera', where),
            f'{where}: camera',
            others={'max_age', 'table_points'},
        ),
        'cup': _build(CupScene, _take(scene, 'cup', f'{where}: scene'), f'{where}: scene.cup'),
        'rack': _build(RackScene, _take(scene, 'rack', f'{where}: scene'), f'{where}: scene.rack'),
    }
    plain = {key: _take(root, key, where) for key in ('task', 'robot', 'control_rate_hz')}
    return _build(TaskScene, {**plain, **sections}, where)


def _mapping(content: object, where: str) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise TaskFileError(f'{where}: holds {content!r}; give a mapping of keys to values')
    return content


def _take(mapping: Mapping[str, Any], key: str, where: str) -> Any:  # noqa: ANN401
    if key not in mapping:
        raise TaskFileError(f'{where}: key {key} is missing; add it')
    return mapping[key]


def _build(
    cls: type[Section],
    content: object,
    where: str,
    others: frozenset[str] | set[str] = frozenset(),
) -> Section:
    """Make a section dataclass from a mapping; keys in `others` belong to other packages."""
    mapping = _mapping(content, where)
    hints = get_type_hints(cls)
    for unknown in sorted(set(mapping) - set(hints) - set(others)):
        raise TaskFileError(f'{where}.{unknown}: unknown key; known are {", ".join(hints)}')
    names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    values = {
        name: _convert(hints[name], _take(mapping, name, where), f'{where}.{name}')
        for name in names
    }
    try:
        return cls(**values)
    except ValueError as error:
        raise TaskFileError(f'{where}: {error}') from error


def _convert(kind: Any, value: Any, where: str) -> Any:  # noqa: ANN401
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        if not isinstance(value, list) or len(value) != len(kinds):
            raise TaskFileError(f'{where} is {value!r}; give a list of {len(kinds)} numbers')
        return tuple(_convert(part, item, where) for part, item in zip(kinds, value, strict=True))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise TaskFileError(f'{where} is {value!r}; give a finite {kind.__name__}')
    return value
