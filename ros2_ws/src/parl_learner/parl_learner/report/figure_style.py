# SPDX-License-Identifier: Apache-2.0
"""The style of all figures, with colours that colour-blind people can tell apart."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from parl_files.durable_file import write_durably

INK = '#222222'
GREY = '#9a9a9a'
BLUE = '#0072b2'
ORANGE = '#d55e00'
GREEN = '#009e73'


def new_figure(width_in: float, height_in: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Make a figure without pyplot, so that it works in any thread and without a display.

    Args:
        width_in: Width [inch].
        height_in: Height [inch].
        columns: Number of axes side by side.
    """
    figure = Figure(figsize=(width_in, height_in), layout='constrained')
    FigureCanvasAgg(figure)
    axes = [figure.add_subplot(1, columns, column + 1) for column in range(columns)]
    for one in axes:
        one.spines[['top', 'right']].set_visible(False)
        one.spines[['left', 'bottom']].set_color(GREY)
        one.tick_params(colors=INK, labelsize=9)
        one.grid(axis='y', color='#e6e6e6', linewidth=0.8)
        one.set_axisbelow(True)
    return figure, axes


def set_title(axes: Axes, title: str) -> None:
    """Write the title above the axes, at the left."""
    axes.set_title(title, loc='left', fontsize=11, color=INK)


def save_png(figure: Figure, path: Path) -> Path:
    """Write a figure as a PNG file.

    Raises:
        DurableWriteError: For example, the disk is full, or a folder has that name.
    """
    return write_durably(
        path, lambda file: figure.savefig(file, format='png', dpi=150, facecolor='white')
    )
