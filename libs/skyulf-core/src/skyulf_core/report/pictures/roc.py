"""The ROC curve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from skyulf_core.report.palette import Palette
from skyulf_core.report.pictures.base import Content, Picture, curves_of, lines, plain_axes, unit_square

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def roc(content: Content) -> Iterator[tuple[str, Picture]]:
    """Yield true positives against false ones; the dashed line is chance."""
    curves = curves_of(content, "roc_curves")
    if not curves:
        return

    def draw(figure: Figure, palette: Palette) -> None:
        axes = plain_axes(
            figure, "ROC (area)", "share of the others, called it too", "share of the class that is found"
        )
        axes.plot([0, 1], [0, 1], color=palette.ink, linewidth=0.8, linestyle="--")
        lines(figure, palette, curves, axes, ("fpr", "tpr"), "auc")
        unit_square(axes)

    yield "roc", Picture("ROC", "ROC curve", draw)
