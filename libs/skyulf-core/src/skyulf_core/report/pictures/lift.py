"""Lift: how much more often a class is among the rows with the highest probabilities than among all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from skyulf_core.report.palette import Palette
from skyulf_core.report.pictures.base import Content, Picture, curves_of, lines, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def lift(content: Content) -> Iterator[tuple[str, Picture]]:
    """Yield the lift by the share of the rows; the dashed line is chance."""
    curves = curves_of(content, "gain_curves")
    if not curves:
        return

    def draw(figure: Figure, palette: Palette) -> None:
        axes = plain_axes(figure, "Lift", "share of the rows, surest first", "times as many as among all rows")
        axes.axhline(1.0, color=palette.ink, linewidth=0.8, linestyle="--")
        lines(figure, palette, curves, axes, ("share", "lift"), None)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(bottom=0)

    yield "lift", Picture("Lift", "Lift curve", draw)
