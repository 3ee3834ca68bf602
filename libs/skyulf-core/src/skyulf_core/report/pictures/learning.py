"""The learning curve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from skyulf_core.report.palette import Palette
from skyulf_core.report.pictures.base import Content, Picture, label, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def learning(content: Content) -> Iterator[tuple[str, Picture]]:
    """Yield a metric by the rows learned from, with its spread between folds."""
    found = cast("dict[str, list[float]]", content.get("learning_curve") or {})
    if not found or not found["rows"]:
        return

    def draw(figure: Figure, palette: Palette) -> None:
        rows, mean, std = found["rows"], found["mean"], found["std"]
        axes = plain_axes(figure, "Learning curve", "rows learned from", label(found["metric"]))
        low, high = ([m + sign * s for m, s in zip(mean, std, strict=True)] for sign in (-1, 1))
        axes.fill_between(rows, low, high, color=palette.of(0), alpha=0.2, linewidth=0)
        axes.plot(rows, mean, color=palette.of(0), linewidth=1.8, marker="o", markersize=4)

    yield "learning_curve", Picture("Learning curve", "Metric by the number of rows learned from", draw)
