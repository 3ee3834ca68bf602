"""Whether a study can be: rows for its folds, and trials that are small enough to be told."""

import json
import math
from collections.abc import Iterator

from skyulf_core import Problem
from skyulf_core.nodes.combiner import Combiner
from skyulf_core.pipeline.resolve import Resolved
from skyulf_core.problems import pointer_part
from skyulf_core.tuning.checks import Tuning
from skyulf_core.tuning.rounds import round_problems, smallest_part
from skyulf_core.validation.config import CrossValidation, Nested, read_cv

from skyulf_pipeline.domain.datasets import Tables

MOST_TRIAL_BYTES = 64 << 10
"""The values of one trial, as JSON: a job tells of each trial whenever it changes."""
MOST_FOLDS = 1_000
"""So many folds a trial may have, those of all repeats together."""


def few_rows(resolved: Resolved, tables: Tables | None) -> Iterator[Problem]:
    """Yield a problem for a dataset without rows, and for folds that are more than its rows."""
    if tables is None or tables.main is None:
        return
    rows = tables.main.rows
    if not rows:
        hint = "Upload a version with rows."
        yield Problem("", f"The dataset {tables.main.name!r} has no rows to learn from.", "no-rows", suggestion=hint)
        return
    learned = _learned(resolved, rows)
    for pointer, cv in _folds(resolved):
        folds = getattr(cv, "folds", 0)
        if folds > learned and getattr(cv, "test_size", None) is None:
            some = "" if learned == rows else f", of which {learned:,} are learned from,"
            message = f"The dataset {tables.main.name!r} has {rows:,} rows{some} for {folds:,} folds."
            hint = f"Take more rows, or at most {learned:,} folds."
            yield Problem(f"{pointer}/folds", message, "too-few-rows", field="cv", suggestion=hint)


def few_in_rounds(resolved: Resolved, tables: Tables | None) -> Iterator[Problem]:
    """Yield a problem for rounds of halving that have too few rows for the folds, or more than there are."""
    tuning, rows = resolved.tuning, 0 if tables is None or tables.main is None else tables.main.rows
    if tuning is None or not tuning.config.halving or tuning.resource is not None or not rows:
        return
    learned = _learned(resolved, rows)
    if not learned:  # the splitter says so
        return
    part = smallest_part(tuning.cv.inner if isinstance(tuning.cv, Nested) else tuning.cv, learned)
    if part:  # else the folds themselves cannot be
        yield from round_problems(tuning.config, part=part, rows=learned)
    first = tuning.config.min_resource
    if first is not None and first > learned:
        message = f"The first round would have {first:,} rows, and {learned:,} are learned from."
        hint = f"Choose {learned:,} at most, or the strategy random."
        yield Problem("/tuning/min_resource", message, "too-few-rows", field="min_resource", suggestion=hint)


def _folds(resolved: Resolved) -> Iterator[tuple[str, CrossValidation]]:
    """Yield the folds that a configuration asks for, and where."""
    for key, found in (("tuning", resolved.tuning), ("validation", resolved.validation)):
        if found is not None and isinstance(found.cv, Nested):
            yield from ((f"/{key}/cv/outer", found.cv.outer), (f"/{key}/cv/inner", found.cv.inner))
        elif found is not None:
            yield f"/{key}/cv", found.cv
    if resolved.auto is not None and resolved.auto.config.cv is not None:
        yield f"{resolved.auto.placed.pointer}/config/cv", read_cv(resolved.auto.config.cv)


def _learned(resolved: Resolved, rows: int) -> int:
    """Return how many rows are learned from, at most: all where a join may bring more, or groups are held out."""
    splitter = None if resolved.splitter is None else resolved.splitter.config
    joined = any(isinstance(step.entry.calculator, Combiner) for step in resolved.known_steps)
    if splitter is None or joined or hasattr(splitter, "group"):
        return rows
    sizes = [getattr(splitter, name, None) or 0 for name in ("test_size", "validation_size")]
    return max(rows - sum(math.floor(size * rows) if isinstance(size, float) else size for size in sizes), 0)


def many_folds(resolved: Resolved) -> Iterator[Problem]:
    """Yield a problem for more folds than are told of a trial."""
    for pointer, cv in _folds(resolved):
        folds = getattr(cv, "folds", 0) * getattr(cv, "repeats", 1)
        if folds > MOST_FOLDS and not pointer.startswith("/validation"):
            message = f"Each trial would have {folds:,} folds; {MOST_FOLDS:,} are the most."
            yield Problem(f"{pointer}/repeats", message, "too-many", field="cv", suggestion="Ask for fewer repeats.")


def large_trials(tuning: Tuning) -> Iterator[Problem]:
    """Yield a problem for trials whose values are larger than what is told of one."""
    largest = {
        each.name: max(len(json.dumps(value)) for value in each.dimension.samples())
        for each in tuning.space.parameters
    }  # fmt: skip
    if sum(largest.values()) > MOST_TRIAL_BYTES:
        name = max(largest, key=lambda each: largest[each])
        message = (
            f"One trial's values take up to {sum(largest.values()):,} bytes, {largest[name]:,} of them {name!r}; "
            f"{MOST_TRIAL_BYTES:,} are the most."
        )
        at, hint = f"/tuning/search_space/{pointer_part(name)}", "Write large values into the pipeline, not the search."
        yield Problem(at, message, "too-large", field=name, suggestion=hint)
