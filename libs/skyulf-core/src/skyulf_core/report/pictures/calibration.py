"""Calibration: whether probabilities come true as often as they say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from skyulf_core.report.palette import Palette
from skyulf_core.report.pictures.base import Content, Picture, curves_of, label, numbers, plain_axes, unit_square

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def calibration(content: Content) -> Iterator[tuple[str, Picture]]:
    """Yield the share that came true by what was said; points are as large as the rows that they stand for."""
    curves = curves_of(content, "calibration_curves")
    if not curves:
        return

    def draw(figure: Figure, palette: Palette) -> None:
        axes = plain_axes(figure, "Calibration (error)", "probability said", "share that came true")
        axes.plot([0, 1], [0, 1], color=palette.ink, linewidth=0.8, linestyle="--")
        handles, names = [], []
        for number, curve in enumerate(curves[: len(palette.series)]):
            x, y, weight = (numbers(curve, name) for name in ("predicted", "observed", "weight"))
            most = max(weight)
            (handle,) = axes.plot(x, y, color=palette.of(number), linewidth=1.4)
            axes.scatter(x, y, s=[12 + 60 * each / most for each in weight], color=palette.of(number), alpha=0.75)
            handles.append(handle)
            names.append(f"{label(curve.get('label', ''))} ({numbers(curve, 'error'):.3f})")
        axes.legend(handles, names, loc="upper left")
        unit_square(axes)

    yield "calibration", Picture("Calibration", "Share that came true against probability", draw)
