# SPDX-License-Identifier: Apache-2.0
"""The shapes of a task's scene: things to move, and things to put them on."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
import math
from typing import Literal, TypeAlias

Range = tuple[float, float]
Rgba = tuple[float, float, float, float]


def require(is_valid: bool, name: str, value: object, remedy: str) -> None:
    """Raise ValueError that names the field, its value and the remedy, unless `is_valid`."""
    if not is_valid:
        raise ValueError(f'{name} is {value}: {remedy}')


@dataclass(frozen=True, kw_only=True)
class Movable(ABC):
    """A free body, which each reset puts somewhere."""

    name: str
    """Its name in the scene."""
    mass: float
    """Mass [kg]."""
    x: Range
    """Lowest and highest x of the body's axis after a reset [m, base_link]."""
    y: Range
    """Lowest and highest y of the body's axis after a reset [m, base_link]."""
    yaw: Range
    """Lowest and highest yaw after a reset [rad]."""
    rgba: Rgba
    """Colour, each channel 0 to 1."""

    def __post_init__(self) -> None:
        """Check the ranges; raise ValueError that names field, value and remedy."""
        require(self.mass > 0.0, 'mass', self.mass, 'give a positive mass')
        for name in ('x', 'y', 'yaw'):
            low, high = getattr(self, name)
            require(low <= high, name, [low, high], 'give [lowest, highest]')

    @property
    @abstractmethod
    def footprint(self) -> float:
        """Largest horizontal distance of the body from its axis, without handles [m]."""

    @property
    def origin_height(self) -> float:
        """Height of the body's origin above what it stands on [m]."""
        return 0.0


@dataclass(frozen=True, kw_only=True)
class Cup(Movable):
    """A hollow vessel without a handle."""

    shape: Literal['cup'] = 'cup'
    radius: float
    """Outer radius [m]."""
    height: float
    """Height [m]."""
    wall: float
    """Thickness of wall and floor [m]."""

    def __post_init__(self) -> None:
        """Check the ranges; raise ValueError that names field, value and remedy."""
        super().__post_init__()
        require(0.0 < self.wall < self.radius, 'wall', self.wall, 'give 0 < wall < radius')
        require(self.height > 3 * self.wall, 'height', self.height, 'give more than 3 walls')

    @property
    def footprint(self) -> float:
        """The radius [m]."""
        return self.radius


@dataclass(frozen=True, kw_only=True)
class Pot(Movable):
    """A closed pot with a lid, a knob to grasp it by, and two handles along its own x axis."""

    shape: Literal['pot'] = 'pot'
    radius: float
    """Radius [m]."""
    height: float
    """Height with the lid, without the knob [m]."""
    knob_radius: float
    """Radius of the knob [m]."""
    knob_height: float
    """Height of the knob [m]."""

    def __post_init__(self) -> None:
        """Check the ranges; raise ValueError that names field, value and remedy."""
        super().__post_init__()
        radius, knob = self.radius, self.knob_radius
        require(0.0 < knob < radius, 'knob_radius', knob, 'give 0 < knob_radius < radius')
        for name in ('height', 'knob_height'):
            require(getattr(self, name) > 0.0, name, getattr(self, name), 'give more than 0 m')

    @property
    def footprint(self) -> float:
        """The radius [m]."""
        return self.radius


@dataclass(frozen=True, kw_only=True)
class Vegetable(Movable):
    """An ellipsoid of revolution that lies along its own x axis."""

    shape: Literal['vegetable'] = 'vegetable'
    length: float
    """Length from end to end [m]."""
    thickness: float
    """Diameter across [m]."""

    def __post_init__(self) -> None:
        """Check the ranges; raise ValueError that names field, value and remedy."""
        super().__post_init__()
        require(
            0.0 < self.thickness <= self.length,
            'thickness',
            self.thickness,
            'give 0 < thickness <= length',
        )

    @property
    def footprint(self) -> float:
        """Half the thickness [m]: with that much support the middle does not fall."""
        return 0.5 * self.thickness

    @property
    def origin_height(self) -> float:
        """Half the thickness [m]: the origin is the middle."""
        return 0.5 * self.thickness


@dataclass(frozen=True, kw_only=True)
class Fixed(ABC):
    """A body that never moves and that things can stand on."""

    name: str
    """Its name in the scene."""
    position: tuple[float, float]
    """Centre (x, y) [m, base_link]."""
    height: float
    """Height of the surface that things stand on, above the table [m]."""
    rgba: Rgba
    """Colour, each channel 0 to 1."""

    def __post_init__(self) -> None:
        """Check the ranges; raise ValueError that names field, value and remedy."""
        require(self.height > 0.002, 'height', self.height, 'give more than 0.002 m')

    @abstractmethod
    def carries(self, x: float, y: float, footprint: float) -> bool:
        """Tell whether a thing stands on it wholly.

        Args:
            x: x of the thing's axis [m, base_link].
            y: y of the thing's axis [m, base_link].
            footprint: largest distance of the thing from its axis [m].
        """


@dataclass(frozen=True, kw_only=True)
class Slab(Fixed):
    """A rectangular body."""

    size: tuple[float, float]
    """Full extent of the surface along x and y [m]."""

    def __post_init__(self) -> None:
        """Check the ranges; raise ValueError that names field, value and remedy."""
        super().__post_init__()
        require(min(self.size) > 0.04, 'size', self.size, 'give more than 0.04 m each way')

    def carries(self, x: float, y: float, footprint: float) -> bool:
        """Tell whether a thing stands on it wholly; see Fixed."""
        return all(
            abs(value - middle) <= 0.5 * extent - footprint
            for value, middle, extent in zip((x, y), self.position, self.size, strict=True)
        )


@dataclass(frozen=True, kw_only=True)
class Rack(Slab):
    """A low drying rack."""

    shape: Literal['rack'] = 'rack'


@dataclass(frozen=True, kw_only=True)
class Sink(Slab):
    """A basin: a floor and four walls around it."""

    shape: Literal['sink'] = 'sink'
    rim: float
    """Height of the walls above the table [m]."""
    wall: float
    """Thickness of the walls [m]."""

    def __post_init__(self) -> None:
        """Check the ranges; raise ValueError that names field, value and remedy."""
        super().__post_init__()
        require(self.rim > self.height, 'rim', self.rim, 'give more than height')
        require(self.wall > 0.0, 'wall', self.wall, 'give a positive thickness')


@dataclass(frozen=True, kw_only=True)
class Plate(Fixed):
    """A round plate with a low rim."""

    shape: Literal['plate'] = 'plate'
    radius: float
    """Radius of the flat part inside the rim [m]."""

    def __post_init__(self) -> None:
        """Check the ranges; raise ValueError that names field, value and remedy."""
        super().__post_init__()
        require(self.radius > 0.02, 'radius', self.radius, 'give more than 0.02 m')

    def carries(self, x: float, y: float, footprint: float) -> bool:
        """Tell whether a thing stands on it wholly; see Fixed."""
        return math.dist((x, y), self.position) <= self.radius - footprint


SceneObject: TypeAlias = Cup | Pot | Vegetable | Rack | Sink | Plate
"""A shape of the scene; `shape` in a task file says which."""
