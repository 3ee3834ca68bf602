"""Partial dependence of columns."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial as bound
from typing import TYPE_CHECKING, cast

from skyulf_core.report.palette import Palette
from skyulf_core.report.pictures.base import Content, Picture, label, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def partial(content: Content) -> Iterator[tuple[str, Picture]]:
    """Yield a picture per column: mean answers, and for one output the band that holds most rows."""
    for number, found in enumerate(cast("list[Content]", content.get("partial_dependence") or []), start=1):
        title = f"By {label(found['column'])}"
        yield f"partial_dependence_{number}", Picture(title, "Partial dependence", bound(_draw, found, title))


def _draw(found: Content, title: str, figure: Figure, palette: Palette) -> None:
    outputs = cast("list[str]", found["outputs"])
    unit = {"probability": "mean probability", "share": "share of the answers"}.get(str(found["unit"]), "mean answer")
    of = f"{unit} of {label(outputs[0])}" if len(outputs) == 1 and found["unit"] == "probability" else unit
    axes = plain_axes(figure, title, label(found["column"]), of)
    if found["unit"] in ("probability", "share"):
        axes.set_ylim(0.0, 1.0)  # so that columns can be compared
    if found["kind"] == "numeric":
        _lines(axes, found, palette)
    else:
        _bars(axes, found, palette)


def _lines(axes: Axes, found: Content, palette: Palette) -> None:
    values, outputs = cast("list[float]", found["values"]), cast("list[str]", found["outputs"])
    mean, low, high = (cast("list[list[float]]", found[name]) for name in ("mean", "low", "high"))
    handles = []
    for number in range(min(len(outputs), len(palette.series))):
        if len(outputs) == 1:
            axes.fill_between(values, low[0], high[0], color=palette.of(0), alpha=0.15, linewidth=0)
        (line,) = axes.plot(values, mean[number], color=palette.of(number), linewidth=1.8)
        handles.append(line)
    if len(handles) > 1:
        axes.legend(handles, [label(name) for name in outputs[: len(handles)]], loc="best")
    bottom = axes.get_ylim()[0]
    if all(float(value).is_integer() for value in values):
        axes.locator_params(axis="x", integer=True, nbins=6)
    inside = [d for d in cast("list[float]", found["distribution"])[1:-1] if values[0] <= d <= values[-1]]
    axes.plot(inside, [bottom] * len(inside), "|", color=palette.ink, markersize=7, clip_on=False)
    axes.set_ylim(bottom=bottom)


def _bars(axes: Axes, found: Content, palette: Palette) -> None:
    outputs, mean = cast("list[str]", found["outputs"]), cast("list[list[float]]", found["mean"])
    names = [label(value, 12) for value in cast("list[object]", found["values"])]
    count = min(len(outputs), len(palette.series))
    width, handles = 0.8 / count, []
    for number in range(count):
        places = [place - 0.4 + width * (number + 0.5) for place in range(len(names))]
        handles.append(axes.bar(places, mean[number], width * 0.94, color=palette.of(number), alpha=0.85, linewidth=0))
    axes.set_xticks(range(len(names)), names, rotation=0 if len(names) <= 5 else 45)
    axes.grid(visible=False, axis="x")
    if count > 1:
        axes.legend(handles, [label(name) for name in outputs[:count]], loc="best")
