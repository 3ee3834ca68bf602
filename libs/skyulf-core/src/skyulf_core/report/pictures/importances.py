"""What the model goes by: its own importances, and what shuffling a column costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, cast

from skyulf_core.report.palette import Palette
from skyulf_core.report.pictures.base import Content, Picture, label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 15
_TITLES = {
    "coefficients": "Coefficients times spread",
    "gains": "What splits gained",
    "splits": "How often trees split by it",
}


def importances(content: Content) -> Iterator[tuple[str, Picture]]:
    """Yield bars of the most important columns, of both kinds."""
    shuffled = cast("Content | None", content.get("permutation"))
    if shuffled:
        columns = cast("list[Content]", shuffled["columns"])[:_SHOWN]
        names, means, spreads = ([each[key] for each in columns] for key in ("column", "mean", "std"))
        title = f"Loss of {label(shuffled['metric'])} where shuffled"
        yield "permutation", _bars(title, names, cast("list[float]", means), cast("list[float]", spreads))
    own = cast("Content | None", content.get("importances"))
    if own:
        columns = cast("list[Content]", own["columns"])[:_SHOWN]
        names, shares = ([each[key] for each in columns] for key in ("name", "share"))
        yield "importances", _bars(_TITLES[str(own["kind"])], names, cast("list[float]", shares), None)


def _bars(title: str, names: Sequence[object], sizes: Sequence[float], spreads: Sequence[float] | None) -> Picture:
    height = 1.1 + 0.24 * max(len(names), 3)
    return Picture(title, title, partial(_draw, title, names, sizes, spreads), (4.6, height))


def _draw(
    title: str,
    names: Sequence[object],
    sizes: Sequence[float],
    spreads: Sequence[float] | None,
    figure: Figure,
    palette: Palette,
) -> None:
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontweight="bold")
    places = list(range(len(names)))
    lines = None if spreads is None else {"ecolor": palette.ink, "elinewidth": 1.0}
    axes.barh(places, sizes, 0.7, xerr=spreads, color=palette.of(0), alpha=0.85, linewidth=0, error_kw=lines or {})
    axes.set_yticks(places, [label(name) for name in names])
    axes.invert_yaxis()
    axes.grid(visible=True, axis="x", linewidth=0.6)
    axes.axvline(0.0, color=palette.line, linewidth=0.8)
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)
