"""Golden rows: inputs with the answers recorded at training, which every copy of a model must repeat."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from skyulf_core.serving.errors import RowError
from skyulf_core.serving.files import open_files, read_json, reading
from skyulf_core.serving.ops.base import PlanError
from skyulf_core.serving.plan import PlanModel, PredictionBatch, load_plan

GOLDEN_FILE = "golden.json"


class GoldenMismatchError(PlanError):
    """A model does not repeat what it answered when it was trained."""


@dataclass(frozen=True)
class GoldenReport:
    """What a replay found: rows replayed, and the largest difference of a number (relative above 1)."""

    rows: int
    largest_difference: float
    tolerance: float


def verify(source: Path | str | Mapping[str, bytes]) -> GoldenReport:
    """Replay a bundle's golden rows through its plan, as a batch and one by one.

    Where rows follow on each other, only the batch has recorded answers; each row alone must then get the same answer
    from the row form and the batch form.

    Raises GoldenMismatchError where an answer differs, PlanError where the bundle cannot be read, or where its plan
    refuses the rows that explanations compare with: a server would not load it.
    """
    from skyulf_core.serving.explaining.explainer import load_explainer  # stands above this module

    model = load_plan(source)
    golden = read_json(open_files(source), GOLDEN_FILE)
    with reading(GOLDEN_FILE):
        found = replay(model, golden)
    load_explainer(model, source)
    return found


def replay(model: PlanModel, golden: Mapping[str, object]) -> GoldenReport:
    """Replay the rows of a `golden.json` through a model. Raises GoldenMismatchError."""
    rows, predictions = golden.get("rows"), golden.get("predictions")
    probabilities, tolerance = golden.get("probabilities"), golden.get("tolerance", 1e-9)
    scores = golden.get("scores")
    if not isinstance(rows, list) or not isinstance(predictions, list) or not isinstance(tolerance, float | int):
        raise PlanError("golden rows have rows, predictions and a tolerance")
    if not isinstance(probabilities, list | None) or not isinstance(scores, list | None):
        raise PlanError("golden probabilities and scores are lists or null")
    expected = PredictionBatch(predictions, probabilities, scores)
    try:
        batch = model.predict_batch(rows)
        one_by_one = _joined([model.predict_row(row) for row in rows], like=batch)
        # where rows follow on each other, a row alone is another one than among those before it
        alone = _joined([model.predict_batch([row]) for row in rows], like=batch) if model.sequence else None
    except RowError as error:
        raise GoldenMismatchError(f"golden rows are refused: {error}") from error
    largest = max(_difference(batch, expected, tolerance), _difference(one_by_one, alone or expected, tolerance))
    return GoldenReport(len(rows), largest, float(tolerance))


def _joined(batches: Sequence[PredictionBatch], *, like: PredictionBatch) -> PredictionBatch:
    predictions = [label for batch in batches for label in batch.predictions]
    probabilities = [row for batch in batches for row in batch.probabilities or []]
    scores = [score for batch in batches for score in batch.scores or []]
    return PredictionBatch(
        predictions, None if like.probabilities is None else probabilities, None if like.scores is None else scores
    )


def _difference(found: PredictionBatch, expected: PredictionBatch, tolerance: float) -> float:
    """Return the largest difference of two batches. Raises GoldenMismatchError above the tolerance."""
    same = (found.probabilities is None) == (expected.probabilities is None)
    if len(found) != len(expected) or not same or (found.scores is None) != (expected.scores is None):
        raise GoldenMismatchError(f"{len(found)} answers for {len(expected)} golden rows")
    largest = 0.0
    for i, (label, wanted) in enumerate(zip(found.predictions, expected.predictions, strict=True)):
        if isinstance(label, float):
            largest = max(largest, _apart(i, float(label), float(wanted), tolerance))
        elif label != wanted or type(label) is not type(wanted):
            raise GoldenMismatchError(f"golden row {i}: {label!r} instead of {wanted!r}")
    for i, (score, wanted_score) in enumerate(zip(found.scores or [], expected.scores or [], strict=True)):
        largest = max(largest, _apart(i, score, wanted_score, tolerance))
    pairs = zip(found.probabilities or [], expected.probabilities or [], strict=True)
    for i, (row, wanted_row) in enumerate(pairs):
        if row.keys() != wanted_row.keys():
            raise GoldenMismatchError(f"golden row {i}: classes {sorted(row)} instead of {sorted(wanted_row)}")
        for key, value in row.items():
            largest = max(largest, _apart(i, value, wanted_row[key], tolerance))
    return largest


def _apart(index: int, found: float, wanted: float, tolerance: float) -> float:
    difference = abs(found - wanted) / max(1.0, abs(wanted))
    if not math.isfinite(difference) or difference > tolerance:
        raise GoldenMismatchError(f"golden row {index}: {found!r} instead of {wanted!r}")
    return difference
