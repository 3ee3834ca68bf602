"""A model beside the estimator of a library that it is trained with: the same answers, wherever it runs.

Used by `reference/test_models_*.py`: `check_model("ridge_regression", {"alpha": 2.0}, Ridge(alpha=2.0), *diabetes(),
tmp_path=tmp_path)`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import palmerpenguins
import polars as pl
from numpy.typing import NDArray
from sklearn import datasets
from skyulf_core import Pipeline
from skyulf_core.nodes.base import ModelApplier, ModelCalculator
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.serving import PredictionBatch, label_key, load_plan

TARGET, WEIGHTS = "the target", "the weights"
ROW_BY_ROW = 40
"""So many rows are predicted one by one."""

Data = tuple[pl.DataFrame, NDArray[Any]]


# --- real data: features of numbers only, and a target (integers for classes, floats for a regression)


def breast_cancer(*, nulls: bool = False) -> Data:
    """569 rows, 30 floats, two classes."""
    return _of_scikit_learn("breast_cancer", nulls)


def wine(*, nulls: bool = False) -> Data:
    """178 rows, 13 floats, three classes."""
    return _of_scikit_learn("wine", nulls)


def digits(*, nulls: bool = False) -> Data:
    """600 rows, 64 counts of 0 to 16, ten classes."""
    return _of_scikit_learn("digits", nulls, rows=600)


def iris(*, nulls: bool = False) -> Data:
    """150 rows, 4 floats, three classes."""
    return _of_scikit_learn("iris", nulls)


def diabetes(*, nulls: bool = False) -> Data:
    """442 rows, 10 floats, a number from 25 to 346."""
    return _of_scikit_learn("diabetes", nulls)


def penguins(*, nulls: bool = False) -> Data:
    """344 penguins: bill, flipper, year and island, whether female; three species as texts. Some values are null."""
    frame = _penguins()
    return _full(frame.drop("species"), nulls), frame["species"].to_numpy()


def penguins_by_mass(*, nulls: bool = False) -> Data:
    """342 penguins as above, and their species; the number is the body mass in grams."""
    frame = _penguins().drop_nulls("body_mass_g")
    kinds = [(pl.col("species") == name).alias(f"is_{name}") for name in ("Adelie", "Gentoo")]
    features = frame.with_columns(kinds).drop("species", "body_mass_g")
    return _full(features, nulls), frame["body_mass_g"].to_numpy().astype(np.float64)


def wine_alcohol(*, nulls: bool = False) -> Data:
    """178 wines; the number is their alcohol, from the other 12 figures."""
    frame, _ = wine(nulls=nulls)
    return frame.drop("f0"), wine()[0]["f0"].to_numpy()


CLASSIFICATION = {"breast_cancer": breast_cancer, "wine": wine, "digits": digits, "penguins": penguins}
REGRESSION = {"diabetes": diabetes, "penguins": penguins_by_mass, "wine": wine_alcohol}


def scaled(data: Data) -> Data:
    """Return the same data with every feature at mean 0 and deviation 1, for models that ask for it."""
    frame, target = data
    numbers = frame.select(pl.all().cast(pl.Float64))
    return numbers.select((pl.all() - pl.all().mean()) / (pl.all().std() + (pl.all().std() == 0))), target


def whole_weights(rows: int) -> NDArray[np.float64]:
    """Return weights of 0 to 3, the same for the same number of rows."""
    return np.random.default_rng(5).integers(0, 4, rows).astype(np.float64)


def uneven_weights(rows: int) -> NDArray[np.float64]:
    """Return weights between 0.1 and 3, the same for the same number of rows."""
    return np.random.default_rng(6).uniform(0.1, 3.0, rows)


@cache
def _of_scikit_learn(name: str, nulls: bool, rows: int | None = None) -> Data:
    matrix, target = getattr(datasets, f"load_{name}")(return_X_y=True)
    matrix, target = matrix[:rows].astype(np.float64), target[:rows]
    if nulls:
        matrix[np.random.default_rng(1).random(matrix.shape) < 0.1] = np.nan
    frame = pl.DataFrame({f"f{i}": np.ascontiguousarray(matrix[:, i]) for i in range(matrix.shape[1])})
    return frame.fill_nan(None), target


@cache
def _penguins() -> pl.DataFrame:
    frame = pl.DataFrame(palmerpenguins.load_penguins().to_dict("list"), strict=False).fill_nan(None)
    return frame.select(
        "species", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year",
        (pl.col("sex") == "female").alias("female"),
        *[(pl.col("island") == name).alias(f"on {name}") for name in ("Biscoe", "Dream")],
    )  # fmt: skip


def _full(frame: pl.DataFrame, nulls: bool) -> pl.DataFrame:
    return frame if nulls else frame.with_columns(pl.all().fill_null(strategy="forward")).fill_null(0)


# --- the comparison


@dataclass(frozen=True)
class Answers:
    """What rows are predicted to be: labels or numbers, and probabilities where there are any."""

    predictions: list[Any]
    probabilities: NDArray[np.float64] | None


def check_model(
    name: str,
    config: Mapping[str, object],
    reference_estimator: Any,
    data: pl.DataFrame,
    target: NDArray[Any],
    *,
    tmp_path: Path,
    weights: NDArray[np.float64] | None = None,
    tolerance: float = 1e-9,
) -> Params:
    """Train both on the same rows; return what the model learned. AssertionError where an answer differs.

    Compared with the reference: the model itself, its Pipeline after saving and loading, and the serving plan of that
    bundle, as a batch and row by row. The labels are the same; probabilities and numbers within the tolerance (relative
    to 1, or the number). The ways through this library agree with each other to the last bit for labels, else to 1e-12.
    """
    entry = NodeRegistry.get(name)
    calculator, applier = entry.calculator, entry.applier
    assert isinstance(calculator, ModelCalculator)
    assert isinstance(applier, ModelApplier)
    classes, numbers = _encoded(target) if calculator.task == "classification" else (None, target.astype(np.float64))
    wanted = _reference(reference_estimator, data, numbers, weights, classes)

    parsed = entry.config_model.model_validate(dict(config))
    chosen = parsed if classes is None else calculator.for_classes(parsed, classes, known=classes, node=name)
    params = calculator.fit(data, numbers, chosen, weights=weights)
    codes = applier.predict(data, params)
    found = Answers(_labels(codes, classes), applier.predict_proba(data, params))
    _compare(found, wanted, "library", tolerance)

    pipeline = _pipeline(name, config, data, target, weights)
    pipeline.save(tmp_path / "bundle")
    loaded = Pipeline.load(tmp_path / "bundle")
    answers = Answers(loaded.predict(data).to_list(), _matrix_of(loaded, data, found))
    _compare(answers, found, "after save and load", 1e-12)

    plan = load_plan(tmp_path / "bundle")
    rows = data.to_dicts()
    _compare(_answers(plan.predict_batch(rows), classes), found, "plan, batch", 1e-12)
    step = max(1, len(rows) // ROW_BY_ROW)
    alone = [plan.predict_row(row) for row in rows[::step]]
    one_by_one = PredictionBatch(
        [batch.predictions[0] for batch in alone],
        None if alone[0].probabilities is None else [(batch.probabilities or [{}])[0] for batch in alone],
    )
    _compare(_answers(one_by_one, classes), _every(found, step), "plan, row by row", 1e-12)
    return params


def _encoded(target: NDArray[Any]) -> tuple[list[Any], NDArray[np.int64]]:
    classes, codes = np.unique(target, return_inverse=True)
    return classes.tolist(), codes.astype(np.int64)


def _labels(codes: NDArray[Any], classes: Sequence[Any] | None) -> list[Any]:
    return codes.tolist() if classes is None else [classes[int(code)] for code in codes]


def _reference(
    estimator: Any,
    data: pl.DataFrame,
    target: NDArray[Any],
    weights: NDArray[np.float64] | None,
    classes: Sequence[Any] | None,
) -> Answers:
    matrix = data.select(pl.all().cast(pl.Float64)).to_numpy()
    given = {} if weights is None else {"sample_weight": weights}
    estimator.fit(matrix, target, **given)
    predictions = _labels(estimator.predict(matrix), classes)
    has = classes is not None and hasattr(estimator, "predict_proba")
    return Answers(predictions, estimator.predict_proba(matrix) if has else None)


def _pipeline(
    name: str,
    config: Mapping[str, object],
    data: pl.DataFrame,
    target: NDArray[Any],
    weights: NDArray[np.float64] | None,
) -> Pipeline:
    """Return a pipeline trained on all rows."""
    steps = [{"node": "FeatureTargetSplit", "config": {"target": TARGET}}]
    model: dict[str, object] = {"node": name, "config": dict(config)}
    frame = data.with_columns(pl.Series(TARGET, target))
    if weights is not None:
        model["weights"] = WEIGHTS
        frame = frame.with_columns(pl.Series(WEIGHTS, weights))
    return Pipeline.from_config({"steps": steps, "model": model}).fit(frame)


def _matrix_of(pipeline: Pipeline, data: pl.DataFrame, found: Answers) -> NDArray[np.float64] | None:
    return None if found.probabilities is None else pipeline.predict_proba(data).to_numpy()


def _answers(batch: PredictionBatch, classes: Sequence[Any] | None) -> Answers:
    if batch.probabilities is None or classes is None:
        return Answers(batch.predictions, None)
    keys = [label_key(label) for label in classes]
    assert all(list(row) == keys for row in batch.probabilities)
    return Answers(batch.predictions, np.array([list(row.values()) for row in batch.probabilities]))


def _every(answers: Answers, step: int) -> Answers:
    probabilities = None if answers.probabilities is None else answers.probabilities[::step]
    return Answers(answers.predictions[::step], probabilities)


def _compare(found: Answers, wanted: Answers, where: str, tolerance: float) -> None:
    if wanted.predictions and isinstance(wanted.predictions[0], float):
        np.testing.assert_allclose(found.predictions, wanted.predictions, rtol=tolerance, atol=tolerance, err_msg=where)
    else:
        assert found.predictions == wanted.predictions, where
    assert (found.probabilities is None) == (wanted.probabilities is None), where
    if wanted.probabilities is not None:
        np.testing.assert_allclose(found.probabilities, wanted.probabilities, rtol=0, atol=tolerance, err_msg=where)
