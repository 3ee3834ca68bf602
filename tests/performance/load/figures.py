"""Figures out of samples, and tables out of figures."""

import math
from collections.abc import Iterable, Sequence

Sample = tuple[float, float]
TEN_MINUTES = 600.0


def slope(samples: Sequence[Sample]) -> float:
    """How much the value rises per unit of time, by least squares; NaN where two moments are not known."""
    if len({at for at, _ in samples}) < 2:
        return math.nan
    mid_at = math.fsum(at for at, _ in samples) / len(samples)
    mid = math.fsum(value for _, value in samples) / len(samples)
    above = math.fsum((at - mid_at) * (value - mid) for at, value in samples)
    return above / math.fsum((at - mid_at) ** 2 for at, _ in samples)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of all does not exceed; NaN of nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Lines of a table: the first column to the left, the others to the right."""
    cells = [list(head), *([_text(cell) for cell in row] for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(head))]
    return [
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in cells
    ]


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return "-" if math.isnan(cell) else f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"
    return str(cell)
