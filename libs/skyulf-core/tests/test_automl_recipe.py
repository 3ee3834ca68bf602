"""AutoML: what columns are taken for, and the steps that they ask for."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from skyulf_core import Pipeline
from skyulf_core.automl.families import Kind
from skyulf_core.automl.profile import profile
from skyulf_core.automl.recipe import recipe

ROWS = 200


def rows() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    number = rng.normal(size=ROWS)
    return pl.DataFrame(
        {
            "id": range(ROWS),
            "code": [f"x-{i:05}" for i in range(ROWS)],
            "same": [1] * ROWS,
            "nothing": pl.Series([None] * ROWS, dtype=pl.Float64),
            "number": number,
            "gaps": [None if i % 4 == 0 else float(i % 7) for i in range(ROWS)],
            "wild": [float("inf") if i == 3 else float(i % 5) for i in range(ROWS)],
            "flag": [None if i % 9 == 0 else i % 2 == 0 for i in range(ROWS)],
            "plan": ["abc"[i % 3] for i in range(ROWS)],
            "town": [f"town {rng.integers(60)}" for _ in range(ROWS)],
            "day": [date(2024, 1, 1) + timedelta(days=i) for i in range(ROWS)],
            "moment": [datetime(2024, 1, 1) + timedelta(hours=i) for i in range(ROWS)],
            "written": [f"2024-03-{1 + i % 28:02}" for i in range(ROWS)],
            "said": [f"word{rng.integers(40)} and word{rng.integers(40)} so it was" for _ in range(ROWS)],
            "lists": [[1, 2]] * ROWS,
            "answer": ["no" if i % 2 else "yes" for i in range(ROWS)],
            "y": ["out" if i % 2 else "in" for i in range(ROWS)],
        }
    )


def roles() -> dict[str, str]:
    found = profile(rows().drop("y"), rows()["y"])
    return {column.name: column.role for column in found.columns}


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("id", "identifier"), ("code", "identifier"), ("same", "constant"), ("nothing", "constant"),
        ("number", "number"), ("gaps", "number"), ("wild", "number"), ("flag", "boolean"), ("plan", "category"),
        ("town", "many"), ("day", "date"), ("moment", "moment"), ("written", "moment"), ("said", "text"),
        ("lists", "other"), ("answer", "copy"),
    ],
)  # fmt: skip
def test_a_column_is_taken_for(name: str, role: str) -> None:
    assert roles()[name] == role


def test_what_is_left_out_is_said_with_the_reason() -> None:
    notes = profile(rows().drop("y"), rows()["y"]).notes

    assert "'answer' is left out: it holds the target 'y' under another name." in notes
    assert "'same' is left out: it holds the same value in every row." in notes
    assert "'id' is left out: it numbers the rows." in notes


def test_a_column_that_says_the_target_is_hinted_at_and_kept() -> None:
    target = pl.Series("y", ["ab"[i % 2] for i in range(ROWS)])

    found = profile(pl.DataFrame({"late": [i % 4 for i in range(ROWS)]}), target)

    assert found.columns[0].role == "number"
    assert found.hints == (
        "'late' says the target of every row: make sure that it is known before the prediction is made.",
    )


def test_numbers_that_count_nothing_stay_features() -> None:
    features = pl.DataFrame({"price": range(10_000, 10_000 + 37 * ROWS, 37), "customer_id": range(500, 500 + ROWS)})

    found = profile(features, pl.Series("y", np.random.default_rng(1).normal(size=ROWS)))

    assert {column.name: column.role for column in found.columns} == {"price": "number", "customer_id": "identifier"}


def steps(kind: str, *, takes_missing: bool, labels: int | None = 3) -> dict[str, list[dict[str, object]]]:
    found = profile(rows().drop("y"), rows()["y"])
    made: dict[str, list[dict[str, object]]] = {}
    kind_of: Kind = "plain" if kind == "plain" else "trees"
    for step in recipe(found, kind=kind_of, takes_missing=takes_missing, labels=labels):
        made.setdefault(str(step["node"]), []).append(dict(step["config"]))  # type: ignore[arg-type]
    return made


def test_plain_models_get_a_column_per_category_no_gaps_and_one_scale() -> None:
    made = steps("plain", takes_missing=False)

    assert made["DropColumns"] == [{"columns": ["id", "code", "same", "nothing", "lists", "answer"]}]
    assert made["InvalidValueReplacement"][0]["columns"] == ["wild"]
    assert [step["columns"] for step in made["DateParts"]] == [["day"], ["moment", "written"]]
    assert made["OneHotEncoder"][0]["columns"] == ["plan"]
    assert made["TargetEncoder"] == [{"columns": ["town"], "target_type": "multiclass"}]
    assert made["TfidfVectorizer"][0]["columns"] == ["said"]
    assert made["MissingIndicator"] == [{"columns": ["gaps"]}]
    assert [step["strategy"] for step in made["SimpleImputer"]] == ["most_frequent", "median"]
    assert list(made)[-1] == "StandardScaler"


@pytest.mark.parametrize(("labels", "target_type"), [(None, "continuous"), (2, "binary"), (20, "multiclass")])
def test_categories_are_encoded_by_what_the_target_is_not_by_how_its_numbers_look(labels, target_type) -> None:
    made = steps("trees", takes_missing=True, labels=labels)

    assert made["TargetEncoder"] == [{"columns": ["town"], "target_type": target_type}]
    assert "FrequencyEncoder" in steps("plain", takes_missing=False, labels=21)


def test_an_amount_in_whole_numbers_is_learned_as_an_amount() -> None:
    random = np.random.default_rng(5)
    town = random.integers(0, 60, ROWS * 5)
    minutes = (town * 3 + random.normal(0, 5, len(town))).round().astype(np.int64)
    data = pl.DataFrame({"town": [f"town {number}" for number in town], "minutes": minutes})
    auto = {"node": "auto", "config": {"budget": 30, "families": ["linear"], "task": "regression"}}
    split = {"node": "TrainTestSplit", "config": {"target": "minutes"}}

    pipeline = Pipeline.from_config({"steps": [split], "model": auto}).fit(data)

    assert pipeline.evaluate().metrics["r2"] > 0.95
    assert pipeline.transform(data.head(1)).width < 5


def test_trees_get_codes_and_keep_the_gaps_that_they_take() -> None:
    made = steps("trees", takes_missing=True)

    assert made["OrdinalEncoder"][0]["columns"] == ["plan"]
    assert not {"SimpleImputer", "StandardScaler", "OneHotEncoder", "MissingIndicator"} & made.keys()


@pytest.mark.parametrize(
    ("kind", "takes", "model"),
    [("plain", False, "logistic_regression"), ("trees", True, "hist_gradient_boosting_classifier"),
     ("trees", False, "gradient_boosting_classifier")],
)  # fmt: skip
def test_a_recipe_trains_and_predicts_rows_with_gaps_in_everything(kind: str, takes: bool, model: str) -> None:
    data = rows()
    made = recipe(
        profile(data.drop("y"), data["y"]), kind="plain" if kind == "plain" else "trees", takes_missing=takes, labels=2
    )
    split = {"node": "TrainTestSplit", "config": {"target": "y", "stratify": True}}

    pipeline = Pipeline.from_config({"steps": [split, *made], "model": {"node": model}}).fit(data)
    empty = data.head(2).with_columns(pl.lit(None).cast(dtype).alias(name) for name, dtype in data.schema.items())

    assert pipeline.evaluate().rows == 40
    assert len(pipeline.predict(pl.concat([data.head(3), empty]))) == 5  # type: ignore[arg-type]
