"""Gain: how many of a class are among the rows with the highest probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from skyulf_core.report.palette import Palette
from skyulf_core.report.pictures.base import Content, Picture, curves_of, lines, plain_axes, unit_square

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def gain(content: Content) -> Iterator[tuple[str, Picture]]:
    """Yield the share of a class by the share of the rows; the dashed line is chance."""
    curves = curves_of(content, "gain_curves")
    if not curves:
        return

    def draw(figure: Figure, palette: Palette) -> None:
        axes = plain_axes(figure, "Gain", "share of the rows, surest first", "share of the class among them")
        axes.plot([0, 1], [0, 1], color=palette.ink, linewidth=0.8, linestyle="--")
        lines(figure, palette, curves, axes, ("share", "gain"), None)
        unit_square(axes)

    yield "gain", Picture("Gain", "Gain curve", draw)
