"""Explaining answers: contributions of input columns where they can be told, else of the model's features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import polars as pl

from skyulf_core.data.align import align
from skyulf_core.explanation.contributions import Explanation, Explanations
from skyulf_core.explanation.outcomes import Outcomes, json_value, model_of, outcomes, raw_rows, read_columns
from skyulf_core.explanation.parts import model_sum
from skyulf_core.fitted import FittedPipeline
from skyulf_core.models._base import to_matrix
from skyulf_core.pipeline.applying import features_of
from skyulf_core.pipeline.sources import Frames
from skyulf_core.problems import NotFittedError
from skyulf_core.serving.explaining.contributions import Method, Unit
from skyulf_core.serving.explaining.game_values import MOST_BACKGROUND_OF_GAMES, game_values
from skyulf_core.serving.explaining.numbers import Codes, Floats, Masks, some_of
from skyulf_core.serving.explaining.sums import MOST_BACKGROUND, Sum, matrix_of, origins_of, players_of
from skyulf_core.serving.explaining.told import Told, told_of_sum
from skyulf_core.serving.ops.base import Scalar

if TYPE_CHECKING:
    from skyulf_core.pipeline.pipeline import Pipeline


@dataclass(frozen=True, eq=False)
class _Whole:
    """What is told of each row, how, and in comparison with how many rows."""

    told: Sequence[Told]
    method: Method
    unit: Unit
    per: Literal["column", "feature"]
    background: int


def explain(
    pipeline: Pipeline, frames: Frames, *, background: Frames | None = None, random_state: int = 0
) -> Explanations:
    """Return, for each row, what its columns added to its answer: Shapley values over background rows.

    Linear models, forests and boosted trees are told exactly, in the unit of their sum (log-odds of a boosted
    classification, probability of a forest), as long as every feature comes from one input column; everything else is
    asked from outside, in probabilities or in the target's unit: exactly for few columns, else by sampling, with an
    error. Where rows follow on each other (lags), features are told in place of columns.
    `background` are rows to compare with: by default those of the bundle, rows of the training (of an older bundle its
    golden rows). A server tells the same from the bundle (see `skyulf_core.serving.explaining`).
    Raises NotFittedError without a model, DataError for rows that cannot be predicted.
    """
    fitted = pipeline.fitted
    model_of(fitted)
    columns = list(fitted.input_schema.names)
    optional = fitted.optional_columns()
    rows = align(raw_rows(pipeline, frames), fitted.input_schema, optional=optional)
    others = align(_background(pipeline, background, random_state), fitted.input_schema, optional=optional)
    features, behind = features_of(fitted, rows), features_of(fitted, others)
    said = outcomes(fitted, features)
    sequence = any(op.sequence for op in fitted.step_ops())
    whole = _exact(fitted, features, behind, said, sequence=sequence)
    if whole is None and sequence:
        whole = _asked(fitted, said, features, behind, None, random_state)
    elif whole is None:
        whole = _asked(fitted, said, rows, others, [name for name in columns if name not in optional], random_state)
    shown = rows if whole.per == "column" else features
    return Explanations(
        rows=tuple(_row(fitted, told, said, shown, place) for place, told in enumerate(whole.told)),
        method=whole.method,
        per=whole.per,
        unit=whole.unit,
        target=fitted.target if fitted.task in ("classification", "regression") else None,
        background=whole.background,
    )


def _background(pipeline: Pipeline, given: Frames | None, seed: int) -> pl.DataFrame:
    if given is not None:
        rows = raw_rows(pipeline, given)
        return rows if rows.height <= MOST_BACKGROUND else rows.sample(MOST_BACKGROUND, seed=seed)
    golden = pipeline.fitted.golden
    known = pipeline.fitted.background or (golden.rows if golden is not None else [])
    if not known:
        raise NotFittedError("This pipeline knows no rows to compare with; give some as background.")
    return pl.DataFrame(known, infer_schema_length=None)


def _exact(
    fitted: FittedPipeline, rows: pl.DataFrame, others: pl.DataFrame, said: Outcomes, *, sequence: bool
) -> _Whole | None:
    """Return what a sum of columns or of trees tells; None where the model is another, or columns mix in features."""
    found = model_sum(model_of(fitted))
    if found is None:
        return None
    players = _players(fitted, found, sequence=sequence)
    if players is None:
        return None
    names, places = players
    others = others[some_of(others.height, found.background)]
    told = found.values(_matrix(found, rows), _matrix(found, others), places, len(names))
    if told is None:
        return None
    classes = len(fitted.classes or ())
    each = [
        told_of_sum(names, told[0][row], told[1], code=int(said.answers[row]) if classes else 0, classes=classes)
        for row in range(rows.height)
    ]
    per: Literal["column", "feature"] = "feature" if sequence else "column"
    return _Whole(each, found.method, found.unit(labels=bool(classes)), per, others.height)


def _players(fitted: FittedPipeline, found: Sum, *, sequence: bool) -> tuple[list[str], Codes] | None:
    """Return the names of contributions, and the place of each of the sum's features among them."""
    features = list(model_of(fitted).features)
    own = origins_of(found.before, found.op.features, features)
    if sequence:
        return players_of(own, features)
    behind = fitted.origins(features)
    origins = [tuple(dict.fromkeys(name for feature in each for name in behind[feature])) for each in own]
    return players_of(origins, read_columns(fitted))


def _matrix(found: Sum, features: pl.DataFrame) -> Floats:
    matrix = to_matrix(features).astype(np.float64)
    if not found.before and features.columns == list(found.op.features):
        return matrix
    columns = {name: matrix[:, place] for place, name in enumerate(features.columns)}
    return matrix_of(columns, found.before, found.op.features, features.height)


def _asked(
    fitted: FittedPipeline,
    said: Outcomes,
    rows: pl.DataFrame,
    others: pl.DataFrame,
    columns: Sequence[str] | None,
    random_state: int,
) -> _Whole:
    """Ask the pipeline (or, without `columns`, its model) about rows that are mixed with background rows."""
    names = list(rows.columns) if columns is None else list(columns)
    background = others[some_of(others.height, MOST_BACKGROUND_OF_GAMES)]
    games = []
    for place in range(rows.height):
        row = rows[place]

        def says(masks: Masks, backs: Codes, row: pl.DataFrame = row, place: int = place) -> Floats:
            mixed = _mixed(row, background, names, masks, backs)
            found = outcomes(fitted, mixed if columns is None else features_of(fitted, mixed))
            return _number(found, said.answers[place])

        games.append(game_values(says, len(names), background.height, random_state=random_state))
    exact = all(game.exact for game in games)
    return _Whole(
        [Told(names, game.values, game.errors, game.base) for game in games],
        "enumerated" if exact else "sampled",
        said.kind,
        "feature" if columns is None else "column",
        background.height,
    )


def _number(found: Outcomes, answer: np.generic) -> Floats:
    """Return the number of each row that explains this answer."""
    if found.kind == "share":
        return np.asarray(found.answers == answer, np.float64)
    return found.numbers[:, int(answer) if found.kind == "probability" else 0]


def _mixed(
    row: pl.DataFrame, background: pl.DataFrame, names: Sequence[str], masks: Masks, backs: Codes
) -> pl.DataFrame:
    """Return background rows in which the columns of a mask are those of the row."""
    mixed = background[backs]
    parts = []
    for player, name in enumerate(names):
        own = row[name].gather([0] * mixed.height)
        parts.append(own.zip_with(pl.Series(masks[:, player]), mixed[name].cast(own.dtype)).alias(name))
    return mixed.with_columns(parts)


def _row(fitted: FittedPipeline, told: Told, said: Outcomes, shown: pl.DataFrame, place: int) -> Explanation:
    """Return one row's explanation: for the class that is answered."""
    answer = said.answers[place]
    code = int(answer) if fitted.classes is not None else 0
    probability = float(said.numbers[place, code]) if said.kind == "probability" else None
    label: Scalar = cast("Scalar", json_value(answer.item())) if fitted.classes is None else fitted.classes[code]
    cells = {name: cast("Scalar", json_value(value)) for name, value in shown.row(place, named=True).items()}
    return told.explanation(label, probability, cells)
