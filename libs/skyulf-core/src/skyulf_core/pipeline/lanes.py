"""Places for the boxes of a drawing: one row per rank, one lane per branch."""

from __future__ import annotations

from dataclasses import dataclass

from skyulf_core.pipeline.wiring import Wiring, in_order, readers_of


@dataclass(frozen=True)
class Place:
    """Where a box stands, from 1: its row, its first lane, and how many lanes it is wide."""

    row: int
    lane: int
    width: int = 1


def places(inputs: Wiring) -> tuple[dict[str, Place], list[tuple[int, int]]]:
    """Return the place of every node and source, and the (row, lane) cells that a line only passes through.

    >>> found, lines = places({"a": ["data"], "b": ["a"], "c": ["a"], "m": ["b", "c"]})
    >>> found["a"], found["c"], found["m"]
    (Place(row=2, lane=1, width=2), Place(row=3, lane=2, width=1), Place(row=4, lane=1, width=2))
    """
    order = in_order(inputs)
    rows, lanes = _rows(order, inputs), _lanes(order, inputs)
    lines = _lines(inputs, rows, lanes)
    taken = {(rows[name], lanes[name]) for name in rows} | lines
    return {name: _place(name, inputs, rows, lanes, taken) for name in rows}, sorted(lines)


def _rows(order: list[str], inputs: Wiring) -> dict[str, int]:
    rows: dict[str, int] = {}
    for name in order:
        for source in inputs[name]:
            rows.setdefault(source, 1)
        rows[name] = 1 + max((rows[source] for source in inputs[name]), default=0)
    return rows


def _lanes(order: list[str], inputs: Wiring) -> dict[str, int]:
    """Return lanes: the first reader stays in the lane of what it reads, the others open new ones."""
    lanes: dict[str, int] = {}
    followed: set[str] = set()
    count = 0
    for name in order:
        for source in inputs[name]:
            if source not in lanes:
                count += 1
                lanes[source] = count
        first = inputs[name][0] if inputs[name] else None
        if first is not None and first not in followed:
            followed.add(first)
            lanes[name] = lanes[first]
        else:
            count += 1
            lanes[name] = count
    return lanes


def _lines(inputs: Wiring, rows: dict[str, int], lanes: dict[str, int]) -> set[tuple[int, int]]:
    return {
        (row, lanes[name] if index == 0 else lanes[source])
        for name, sources in inputs.items()
        for index, source in enumerate(sources)
        for row in range(rows[source] + 1, rows[name])
    }


def _place(
    name: str, inputs: Wiring, rows: dict[str, int], lanes: dict[str, int], taken: set[tuple[int, int]]
) -> Place:
    """Return a box over its lane and those that it opens or ends, where they are free."""
    row, lane = rows[name], lanes[name]
    opened = [lanes[reader] for reader in readers_of(inputs).get(name, ()) if inputs[reader][0] == name]
    wanted = {lane, *opened, *(lanes[source] for source in inputs.get(name, ()) if len(inputs[name]) > 1)}
    span = range(min(wanted), max(wanted) + 1)
    if all(other == lane or (row, other) not in taken for other in span):
        return Place(row, span.start, len(span))
    return Place(row, lane)
