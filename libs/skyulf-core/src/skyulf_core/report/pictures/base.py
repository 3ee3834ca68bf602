"""What pictures share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from pydantic import JsonValue

from skyulf_core.report.palette import Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Content: TypeAlias = Mapping[str, JsonValue]
Curve: TypeAlias = Mapping[str, JsonValue]

_LONGEST = 28


@dataclass(frozen=True)
class Picture:
    """A picture that can be drawn; `size` in inches."""

    title: str
    alt: str
    draw: Callable[[Figure, Palette], None]
    size: tuple[float, float] = (4.6, 3.6)


def label(value: object, longest: int = _LONGEST) -> str:
    """Return a name as a picture shows it: on one line, short, without signs that cannot be drawn."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = "".join(char if char.isprintable() else " " for char in text)
    text = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return f"\u200b{text}" if text.startswith("_") else text  # matplotlib leaves names with _ out of legends


def curves_of(content: Content, name: str) -> list[Curve]:
    """Return the curves of the evaluation by name; none where there are none."""
    evaluation = cast("Content", content.get("evaluation") or {})
    return cast("list[Curve]", evaluation.get(name) or [])


def numbers(curve: Curve, name: str) -> Sequence[float]:
    """Return the numbers of a curve."""
    return cast("list[float]", curve[name])


def plain_axes(figure: Figure, title: str, xlabel: str, ylabel: str) -> Axes:
    """Return axes with a title and light lines behind."""
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontweight="bold")
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.grid(visible=True, linewidth=0.6)
    axes.tick_params(length=0)
    return axes


def unit_square(axes: Axes) -> None:
    """Show shares from 0 to 1 on both axes."""
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.04)


def lines(
    figure: Figure, palette: Palette, curves: Sequence[Curve], axes: Axes, xy: tuple[str, str], figures: str | None
) -> None:
    """Draw a line per curve; `figures` names the number that its legend shows."""
    handles, names = [], []
    for number, curve in enumerate(curves[: len(palette.series)]):
        (handle,) = axes.plot(numbers(curve, xy[0]), numbers(curve, xy[1]), color=palette.of(number), linewidth=1.8)
        shown = f" ({cast('float', curve[figures]):.3f})" if figures else ""
        handles.append(handle)
        names.append(f"{label(curve.get('label', ''))}{shown}")
    if handles and (len(handles) > 1 or figures):
        axes.legend(handles, names, loc="best")
