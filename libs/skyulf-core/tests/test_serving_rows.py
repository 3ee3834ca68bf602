"""What a client may send, and what it is told."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skyulf_core.serving import InputColumn, PlanDocument, PlanError, PlanModel, RowError
from skyulf_core.serving.ops import Cast, DateParts, Impute, Linear, OneHot, Respond

SCHEMA = [
    InputColumn("age", "integer", True),
    InputColumn("height", "float", False),
    InputColumn("plan", "string", False),
    InputColumn("member", "boolean", False),
    InputColumn("since", "datetime", False),
    InputColumn("note", "string", True),
]
OPS = [
    Impute(("age",), (40,)),
    OneHot("plan", ("basic", "pro"), ("plan_basic", "plan_pro")),
    DateParts("since", ("year",), ("since_year",)),
    Cast(("member",), "float64"),
    Linear(
        ("age", "height", "plan_basic", "plan_pro", "since_year", "member"),
        [[0.5, 0.25, 1.0, -1.0, 0.001, 2.0]],
        [3.0],
    ),
    Respond(),
]
ROW = {"age": 30, "height": 1.75, "plan": "pro", "member": True, "since": "2024-05-31T12:00:00Z", "note": None}


@pytest.fixture(scope="module")
def model():
    return PlanModel(PlanDocument("regression", SCHEMA, OPS, target="price"))


def problems_of(model, row):
    """Return the problems of one row, after checking that the batch path says the same."""
    with pytest.raises(RowError) as one:
        model.predict_rows([row])
    with pytest.raises(RowError) as many:
        model.predict_batch([ROW, row])
    assert sorted(many.value.problems) == sorted(p._replace(row_index=1) for p in one.value.problems)
    return [(p.field, p.code) for p in one.value.problems]


def test_a_row_is_predicted_alike_alone_and_in_a_batch(model):
    alone = model.predict_row(ROW).predictions
    batch = model.predict_rows([ROW] * 100).predictions

    assert alone * 100 == batch
    assert alone == [30 * 0.5 + 1.75 * 0.25 - 1.0 + 2024 * 0.001 + 2.0 + 3.0]


def test_the_order_of_fields_does_not_matter(model):
    assert model.predict_row(dict(reversed(ROW.items()))) == model.predict_row(ROW)


def test_a_missing_field_is_an_error_that_says_how_to_say_unknown(model):
    with pytest.raises(RowError, match="age is missing; send null"):
        model.predict_row({k: v for k, v in ROW.items() if k != "age"})
    assert problems_of(model, {k: v for k, v in ROW.items() if k != "height"}) == [("height", "missing")]


def test_a_field_that_the_model_does_not_use_may_be_left_out(model):
    row = {k: v for k, v in ROW.items() if k != "note"}

    assert model.predict_row(row) == model.predict_row(ROW)
    assert model.predict_batch([row]) == model.predict_row(ROW)
    assert "note" not in model.required_fields


def test_null_is_allowed_where_an_imputer_or_encoder_handles_it(model):
    assert model.predict_row(ROW | {"age": None}) == model.predict_row(ROW | {"age": 40})
    assert model.predict_row(ROW | {"plan": None}) == model.predict_row(ROW | {"plan": "never seen"})


@pytest.mark.parametrize("field", ["height", "since", "member"])
def test_null_is_refused_where_nothing_handles_it(model, field):
    assert problems_of(model, ROW | {field: None}) == [(field, "null")]


def test_an_unknown_field_is_an_error_with_a_hint(model):
    row = {k: v for k, v in ROW.items() if k != "height"} | {"heigth": 1.7}
    with pytest.raises(RowError, match="did you mean 'height'"):
        model.predict_row(row)
    assert problems_of(model, row) == [("height", "missing"), ("heigth", "unknown_field")]


def test_the_target_is_never_needed_and_says_so(model):
    with pytest.raises(RowError, match="is what the model predicts"):
        model.predict_row(ROW | {"price": 1})


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("height", "1.75", "wrong_type"),
        ("height", True, "wrong_type"),
        ("height", [1], "wrong_type"),
        ("height", {}, "wrong_type"),
        ("height", float("nan"), "not_finite"),
        ("height", float("inf"), "not_finite"),
        ("height", 10**400, "out_of_range"),
        ("age", 30.5, "wrong_type"),
        ("age", False, "wrong_type"),
        ("age", float("nan"), "not_finite"),
        ("age", 2**63, "out_of_range"),
        ("plan", 5, "wrong_type"),
        ("plan", "\ud800", "invalid_text"),
        ("member", 1, "wrong_type"),
        ("member", "true", "wrong_type"),
        ("since", "yesterday", "invalid_date"),
        ("since", 1700000000, "wrong_type"),
        ("since", "0001-01-01T00:00:00+14:00", "invalid_date"),
    ],
)
def test_wrong_values(model, field, value, code):
    assert problems_of(model, ROW | {field: value}) == [(field, code)]


def test_whole_floats_are_integers_and_integers_are_floats(model):
    assert model.predict_row(ROW | {"age": 30.0}) == model.predict_row(ROW)
    assert model.predict_row(ROW | {"height": 2}) == model.predict_batch([ROW | {"height": 2.0}])


def test_numpy_scalars_are_numbers(model):
    row = ROW | {"age": np.int64(30), "height": np.float64(1.75), "member": np.bool_(True)}

    assert model.predict_row(row) == model.predict_row(ROW)
    assert model.predict_batch([row]) == model.predict_row(ROW)


def test_times_are_read_as_utc(model):
    late = model.predict_row(ROW | {"since": "2024-12-31T23:30:00-01:00"}).predictions

    assert late == model.predict_row(ROW | {"since": "2025-01-01"}).predictions


def test_every_problem_of_every_row_is_listed(model):
    rows = [ROW, ROW | {"age": "x", "height": "y"}, 5, ROW | {"plan": 1}]

    with pytest.raises(RowError) as few:
        model.predict_rows(rows)
    with pytest.raises(RowError) as many:
        model.predict_batch(rows)

    assert [p[:2] for p in few.value.problems] == [(1, "age"), (1, "height"), (2, ""), (3, "plan")]
    assert few.value.problems == many.value.problems


def test_no_rows_give_no_predictions(model):
    assert model.predict_rows([]).predictions == model.predict_batch([]).predictions == []


def test_an_operation_names_the_input_field():
    ops = [OneHot("plan", ("a",), ("p_a",), "error"), Linear(("p_a",), [[1.0]], [0.0]), Respond()]
    model = PlanModel(PlanDocument("regression", [InputColumn("plan", "string", False)], ops))

    with pytest.raises(RowError) as few:
        model.predict_rows([{"plan": "a"}, {"plan": "z"}])
    with pytest.raises(RowError) as many:
        model.predict_batch([{"plan": "a"}, {"plan": "z"}])

    assert few.value.problems == many.value.problems
    assert few.value.problems[0] == (1, "plan", "'z' was not seen in training", "unknown_category")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.characters(categories=["Cs"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)


@given(
    st.dictionaries(st.sampled_from([*ROW, "price", "x"]), json_values)
    | st.fixed_dictionaries({name: json_values | st.just(value) for name, value in ROW.items()})
)
def test_anything_in_json_is_predicted_or_refused_alike(model, row):
    assert answer(model.predict_rows, row) == answer(model.predict_batch, row)


valid_rows = st.fixed_dictionaries(
    {
        "age": st.none() | st.integers(-5, 120) | st.just(30.0),
        "height": st.floats(0.5, 2.5) | st.integers(0, 3),
        "plan": st.none() | st.sampled_from(["pro", "basic", "ü", ""]),
        "member": st.booleans(),
        "since": st.sampled_from(["2024-05-31", "1969-12-31T23:59:59.9", "2024-12-31T23:30:00-01:00", "20240531"]),
    },
    optional={"note": st.none() | st.text(max_size=2)},
)


@given(st.lists(valid_rows, min_size=2, max_size=8), st.integers(0, 7), st.sampled_from([*ROW, "x"]), json_values)
def test_rows_of_a_batch_are_predicted_or_refused_as_each_alone(model, rows, place, field, value):
    for batch in (rows, [*rows[:place], {**rows[place % len(rows)], field: value}, *rows[place + 1 :]]):
        alone = [answer(model.predict_rows, row) for row in batch]
        refused = [p._replace(row_index=i) for i, found in enumerate(alone) if isinstance(found, list) for p in found]

        together = model.predict_batch(batch).predictions if not refused else caught(model, batch)

        assert together == (sorted(refused) if refused else [each.predictions[0] for each in alone])


def caught(model, rows):
    with pytest.raises(RowError) as error:
        model.predict_batch(rows)
    return sorted(error.value.problems)


def test_a_date_is_its_day_in_a_batch_as_in_a_row():
    ops = [DateParts("day", ("day", "hour"), ("d", "h")), Linear(("d", "h"), [[1.0, 100.0]], [0.0]), Respond()]
    model = PlanModel(PlanDocument("regression", [InputColumn("day", "date", False)], ops))
    rows = [{"day": "2024-05-31"}, {"day": "1960-02-29T23:00:00"}, {"day": "0001-01-01"}]

    assert model.predict_batch(rows).predictions == model.predict_rows(rows).predictions == [31.0, 29.0, 1.0]


def answer(predict, row):
    try:
        return predict([row])
    except RowError as error:
        return sorted(error.problems)


def test_plans_that_cannot_work_are_refused():
    schema = [InputColumn("x", "float", False)]
    with pytest.raises(PlanError, match="makes no prediction"):
        PlanModel(PlanDocument("regression", schema, [Linear(("x",), [[1.0]], [0.0])]))
    with pytest.raises(PlanError, match="not in its schema: y"):
        PlanModel(PlanDocument("regression", schema, [Linear(("y",), [[1.0]], [0.0]), Respond()]))
    with pytest.raises(PlanError, match="after it was dropped"):
        PlanModel(
            PlanDocument(
                "regression", schema, [OneHot("x", (1,), ("a",)), Linear(("x", "a"), [[1, 1]], [0]), Respond()]
            )
        )


def test_serving_imports_numpy_and_the_standard_library_only():
    code = (
        "import sys, skyulf_core.serving; "
        "print(sorted({'polars','pandas','sklearn','scipy','pydantic','pyarrow'} & set(sys.modules)))"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"
