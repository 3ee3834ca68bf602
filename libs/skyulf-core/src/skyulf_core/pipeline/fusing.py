"""Runs of nodes as one query: what a chain of fitted steps does to new rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import polars as pl

from skyulf_core.fitted import FittedStep
from skyulf_core.nodes.base import Applier, Kind, LazyApplier
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.problems import DataError

_NOT_AT_PREDICT = {Kind.SPLITTER, Kind.ROW_CHANGING}


@contextmanager
def naming(node: str) -> Iterator[None]:
    """Add the node's name to a DataError that names none, and make one of memory that is not there.

    What numpy warns of (a division by zero, an overflow) is looked for by the nodes, which have rules for it.
    """
    try:
        with np.errstate(all="ignore"):
            yield
    except DataError as error:
        if error.node is not None:
            raise
        raise DataError(error.message, reason=error.reason, column=error.column, node=node) from error
    except MemoryError as error:
        message = f"there is not enough memory ({error}); give it fewer rows, or let the steps make fewer columns"
        raise DataError(message, reason="out-of-memory", node=node) from error


def applier_of(step: FittedStep) -> Applier | None:
    """Return what runs at predict; None for splitters and row-changing nodes."""
    entry = NodeRegistry.get(step.node)
    if entry.kind in _NOT_AT_PREDICT or not isinstance(entry.applier, Applier):
        return None
    return entry.applier


def fuses(step: FittedStep) -> bool:
    """Say whether a step is part of a query, or changes nothing."""
    applier = applier_of(step)
    return applier is None or (isinstance(applier, LazyApplier) and applier.fuses(step.params))


def apply_chain(steps: Iterable[FittedStep], data: pl.DataFrame) -> pl.DataFrame:
    """Return the rows after these steps, one after the other; neighbours that are queries run as one.

    Raises DataError for values that a step refuses.
    """
    query: pl.LazyFrame | None = None
    for step in steps:
        applier = applier_of(step)
        if applier is None:
            continue
        with naming(step.node):
            if isinstance(applier, LazyApplier) and applier.fuses(step.params):
                query = applier.transform(data.lazy() if query is None else query, step.params)
            else:
                data = applier.apply(data if query is None else query.collect(), step.params)
                query = None
    return data if query is None else query.collect()


def apply_step(step: FittedStep, data: pl.DataFrame) -> pl.DataFrame:
    """Return the rows after one step, as predictions see it: splitters and row-changing nodes change nothing."""
    return apply_chain((step,), data)


def refuse_values(step: FittedStep, frame: pl.LazyFrame) -> None:
    """Raise DataError for the first value that a step refuses, by a query that holds no rows."""
    applier = applier_of(step)
    if isinstance(applier, LazyApplier) and not applier.fuses(step.params):
        with naming(step.node):
            applier.refuse(frame, step.params)


def scan_chain(steps: Iterable[FittedStep], frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return the query of steps that all fuse, or whose refused values `refuse_values` has looked for."""
    for step in steps:
        applier = applier_of(step)
        if isinstance(applier, LazyApplier):
            with naming(step.node):
                frame = applier.transform(frame, step.params)
    return frame
