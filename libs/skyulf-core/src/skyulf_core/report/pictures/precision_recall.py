"""Precision and recall."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from skyulf_core.report.palette import Palette
from skyulf_core.report.pictures.base import Content, Picture, curves_of, lines, plain_axes, unit_square

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def precision_recall(content: Content) -> Iterator[tuple[str, Picture]]:
    """Yield the precision that each recall costs."""
    curves = curves_of(content, "pr_curves")
    if not curves:
        return

    def draw(figure: Figure, palette: Palette) -> None:
        axes = plain_axes(figure, "Precision and recall (average)", "recall", "precision")
        lines(figure, palette, curves, axes, ("recall", "precision"), "average_precision")
        unit_square(axes)

    yield "precision_recall", Picture("Precision and recall", "Precision against recall", draw)
