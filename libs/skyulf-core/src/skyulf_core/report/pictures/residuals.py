"""Residuals of a regression."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, cast

from skyulf_core.report.palette import Palette
from skyulf_core.report.pictures.base import Content, Picture, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def residuals(content: Content) -> Iterator[tuple[str, Picture]]:
    """Yield how many rows are off by how much."""
    evaluation = cast("Content", content.get("evaluation") or {})
    found = cast("Content", evaluation.get("residuals") or {})
    if not found:
        return
    histogram = cast("dict[str, list[float]]", found["histogram"])
    counts, edges = histogram["counts"], histogram["edges"]

    def draw(figure: Figure, palette: Palette) -> None:
        axes = plain_axes(figure, "Residuals", "truth less prediction", "rows")
        widths = [max(b - a, 1e-300) for a, b in pairwise(edges)]
        axes.bar(edges[:-1], counts, widths, align="edge", color=palette.of(0), alpha=0.8, linewidth=0)
        axes.axvline(0.0, color=palette.ink, linewidth=0.8, linestyle="--")
        axes.grid(visible=False, axis="x")

    yield "residuals", Picture("Residuals", "Histogram of the residuals", draw)
