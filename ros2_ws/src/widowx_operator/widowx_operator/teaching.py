# SPDX-License-Identifier: Apache-2.0
"""Turns what the operator shows at a station into the workspace and the table of a task file."""

from dataclasses import dataclass

import numpy as np

from parl_files.error import ParlError
from widowx_description.finger import FINGERTIP_M
from widowx_operator.gripper_pose import GripperPose
from widowx_operator.operator_task import OperatorTask
from widowx_operator.table_fit import FEWEST_MARKS, fit_table, TableFit, TableFitError

MAX_RESIDUAL_MM = 5.0
"""A mark with a larger residual was touched or clicked badly."""
MAX_TABLE_ERROR_M = 0.010
"""A fingertip on the table should read z = 0 within this."""
MIN_EXTENT_M = 0.02
"""A workspace thinner than this along an axis is a mistake."""


class TeachingError(ParlError):
    """What the operator showed cannot be used; the message says what to show instead."""


@dataclass(frozen=True)
class _Mark:
    """One mark on the table.

    Attributes:
        tip: (3,) position of the fingertip that touched the mark [m, base_link].
        pixel: (2,) where the camera sees the mark, (u, v) [px].
    """

    tip: np.ndarray
    pixel: np.ndarray


class Teaching:
    """Collects corners and marks, judges them, and writes them as sections of a task file."""

    def __init__(self, task: OperatorTask) -> None:
        """Begin with nothing shown."""
        self._task = task
        self._corners: list[np.ndarray] = []
        self._marks: list[_Mark] = []
        self._touched: np.ndarray | None = None
        self._order: list[str] = []

    @property
    def awaits_pixel(self) -> bool:
        """Whether a mark was touched whose pixel is not known yet."""
        return self._touched is not None

    def add_corner(self, pose: GripperPose) -> str:
        """Widen the workspace to this pose and return the line for the operator."""
        self._corners.append(pose.position)
        self._order.append('corner')
        return f'corner {len(self._corners)} at {_metres(pose.position)}'

    def touch(self, pose: GripperPose) -> str:
        """Take the fingertip's place as a mark and return the line that asks for its pixel."""
        self._touched = pose.fingertip
        return (
            f'mark {len(self._marks) + 1} at {_metres(pose.fingertip)}; click it in the image, or '
            'type its pixel u v and Enter'
        )

    def give_pixel(self, u: float, v: float) -> str:
        """Take the pixel at which the camera sees the touched mark [px].

        Raises:
            TeachingError: No mark was touched, or the pixel is outside the image.
        """
        if self._touched is None:
            raise TeachingError('no mark waits for a pixel; touch one with the fingertip, press m')
        width, height = self._task.image_size
        if not (0.0 <= u <= width - 1 and 0.0 <= v <= height - 1):
            raise TeachingError(
                f'pixel ({u:g}, {v:g}) is outside the {width}x{height} image of the task file; '
                'give a pixel inside it'
            )
        self._marks.append(_Mark(self._touched, np.array([u, v])))
        self._order.append('mark')
        self._touched = None
        return f'mark {len(self._marks)} is seen at ({u:g}, {v:g})'

    def undo(self) -> str:
        """Take back the newest corner or mark and return the line for the operator."""
        if self._touched is not None:
            self._touched = None
            return 'the touched mark is forgotten'
        if not self._order:
            return 'nothing to take back'
        kind = self._order.pop()
        (self._corners if kind == 'corner' else self._marks).pop()
        return f'the newest {kind} is taken back'

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the lowest and highest corner of the box, (3,) each [m, base_link].

        Raises:
            TeachingError: There are fewer than two corners, or the box is flat.
        """
        if len(self._corners) < 2:
            raise TeachingError(
                f'{len(self._corners)} corners of the workspace are known; lead the gripper to at '
                'least two opposite corners and press e at each'
            )
        low, high = np.min(self._corners, axis=0), np.max(self._corners, axis=0)
        for axis, extent in zip('xyz', high - low, strict=True):
            if extent < MIN_EXTENT_M:
                raise TeachingError(
                    f'the workspace is {1e3 * extent:.0f} mm along {axis}; lead the gripper '
                    f'further along {axis} and press e'
                )
        return low, high

    def table(self) -> TableFit:
        """Fit the table to the marks.

        Raises:
            TableFitError: The marks do not fix the table.
        """
        pixels, tips = self._mark_arrays()
        return fit_table(pixels, tips[:, :2])

    def report(self) -> list[str]:
        """Return the lines that say what is known, what is doubtful, and what is missing."""
        lines = []
        try:
            low, high = self.bounds()
            lines.append(f'workspace {_metres(low)} to {_metres(high)}')
            lines += self._bounds_doubts(low, high)
        except TeachingError as error:
            lines.append(f'workspace: {error}')
        try:
            lines += self._table_lines(self.table())
        except TableFitError as error:
            lines.append(f'table: {error}')
        return lines

    def section(self) -> str:
        """Return the taught sections as YAML, which replace those of the task file.

        Raises:
            TeachingError: The workspace is flat or not shown.
            TableFitError: The marks do not fix the table.
        """
        low, high = self.bounds()
        residuals_mm = self.table().residuals_mm
        pixels, tips = self._mark_arrays()
        return '\n'.join(
            [
                '# Taught at the station: m in base_link, rad, pixels (u, v).',
                'workspace:',
                f'  low: {_row(low, 4)}',
                f'  high: {_row(high, 4)}',
                f'  max_tilt: {self._task.max_tilt!r}',
                f'  max_yaw: {self._task.max_yaw!r}',
                'camera:                    # replace table_points, keep the other keys',
                f'  table_points:            # residual mean {residuals_mm.mean():.1f} mm, '
                f'worst {residuals_mm.max():.1f} mm',
                f'    pixels: [{", ".join(_row(pixel, 1) for pixel in pixels)}]',
                f'    points: [{", ".join(_row(tip[:2], 4) for tip in tips)}]',
                '',
            ]
        )

    def _mark_arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Return pixels (N, 2) [px] and fingertips (N, 3) [m] of the marks."""
        pixels = np.array([mark.pixel for mark in self._marks]).reshape(-1, 2)
        return pixels, np.array([mark.tip for mark in self._marks]).reshape(-1, 3)

    def _bounds_doubts(self, low: np.ndarray, high: np.ndarray) -> list[str]:
        doubts = []
        if low[2] < FINGERTIP_M:
            doubts.append(
                f'  doubtful: at z = {low[2]:.3f} m the fingertips, {1e3 * FINGERTIP_M:.0f} mm '
                'lower, are in the table; teach the low corners higher'
            )
        start = self._task.start
        if np.any(start < low) or np.any(start > high):
            doubts.append(
                f'  doubtful: start.position {_metres(start)} of the task file lies outside; the '
                'driver will refuse it: teach a larger box, or move the start'
            )
        return doubts

    def _table_lines(self, fit: TableFit) -> list[str]:
        residuals_mm = fit.residuals_mm
        lines = [
            f'table: {len(residuals_mm)} marks, residual mean {residuals_mm.mean():.1f} mm, worst '
            f'{residuals_mm.max():.1f} mm at mark {int(residuals_mm.argmax()) + 1}'
        ]
        if len(residuals_mm) == FEWEST_MARKS:
            lines.append('  doubtful: four marks always fit, even wrong ones; touch two more')
        elif residuals_mm.max() > MAX_RESIDUAL_MM:
            lines.append(
                f'  doubtful: more than {MAX_RESIDUAL_MM:.0f} mm; press z until that mark is '
                'taken back, then touch and click it again'
            )
        heights = self._mark_arrays()[1][:, 2]
        worst = int(np.abs(heights).argmax())
        if abs(heights[worst]) > MAX_TABLE_ERROR_M:
            lines.append(
                f'  doubtful: the fingertip was at z = {heights[worst]:+.3f} m at mark '
                f'{worst + 1}, the table is z = 0; did the tip touch, does the base stand on it?'
            )
        return lines


def _row(values: np.ndarray, digits: int) -> str:
    """Return numbers as a YAML list."""
    return f'[{", ".join(f"{value:.{digits}f}" for value in values)}]'


def _metres(position: np.ndarray) -> str:
    return f'({", ".join(f"{value:.3f}" for value in position)}) m'
