"""The confusion matrix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from skyulf_core.report.palette import Palette
from skyulf_core.report.pictures.base import Content, Picture, label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_CLASSES = 20
_MOST_FIGURES = 12


def confusion(content: Content) -> Iterator[tuple[str, Picture]]:
    """Yield what is called what; cells are coloured by their share of the row, the true class."""
    evaluation = cast("Content", content.get("evaluation") or {})
    matrix = cast("list[list[float]]", evaluation.get("confusion_matrix") or [])
    names = [label(each, 14) for each in cast("list[object]", evaluation.get("labels") or [])]
    if not matrix or len(names) != len(matrix) or len(matrix) > _MOST_CLASSES:
        return

    def draw(figure: Figure, palette: Palette) -> None:
        from matplotlib.patches import Rectangle

        axes = figure.add_subplot()
        axes.set_title("Confusion", loc="left", fontweight="bold")
        for row, counts in enumerate(matrix):
            whole = sum(counts) or 1
            for column, count in enumerate(counts):
                shade = 0.06 + 0.54 * count / whole
                colour = palette.of(0) if row == column else palette.of(1)
                axes.add_patch(Rectangle((column, row), 0.96, 0.96, facecolor=colour, alpha=shade, linewidth=0))
                if len(matrix) <= _MOST_FIGURES:
                    axes.text(column + 0.48, row + 0.48, f"{count:,.6g}", ha="center", va="center", color=palette.ink)
        axes.set_xlim(-0.04, len(matrix))
        axes.set_ylim(len(matrix), -0.04)
        places = [place + 0.48 for place in range(len(matrix))]
        axes.set_xticks(places, names, rotation=0 if len(matrix) <= 4 else 45)
        axes.set_yticks(places, names)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("answer")
        axes.set_ylabel("truth")

    side = min(7.0, max(3.6, 1.6 + 0.45 * len(matrix)))
    yield "confusion", Picture("Confusion", "Confusion matrix", draw, (side + 1.0, side))
