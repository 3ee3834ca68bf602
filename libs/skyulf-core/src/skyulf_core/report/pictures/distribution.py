"""How answers are spread, out of fold and on held-out rows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from skyulf_core.report.palette import Palette
from skyulf_core.report.pictures.base import Content, Picture, label, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def distributions(content: Content) -> Iterator[tuple[str, Picture]]:
    """Yield answers by true class, or beside the truth: of out-of-fold predictions, and of the rows judged on."""
    folds = cast("Content", content.get("cross_validation") or {})
    for name, title, found in (
        ("out_of_fold", "Out-of-fold answers", folds.get("out_of_fold")),
        ("answers", "Answers to held-out rows", content.get("answers")),
    ):
        spread = cast("Content", found or {})
        if spread.get("counts"):
            yield name, Picture(title, title, partial(_draw, spread, title))


def _draw(spread: Content, title: str, figure: Figure, palette: Palette) -> None:
    edges, counts = cast("list[float]", spread["edges"]), cast("dict[str, list[float]]", spread["counts"])
    axes = plain_axes(figure, title, label(spread["of"], 50), "share of the rows")
    handles, names = [], []
    for number, (name, rows) in enumerate(list(counts.items())[: len(palette.series)]):
        whole = sum(rows) or 1
        shares = [each / whole for each in rows]
        handle = axes.stairs(shares, edges, fill=True, color=palette.of(number), alpha=0.35)
        axes.stairs(shares, edges, color=palette.of(number), linewidth=1.4)
        handles.append(handle)
        names.append(label(name))
    axes.legend(handles, names, loc="best")
    axes.grid(visible=False, axis="x")
