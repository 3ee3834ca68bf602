"""Operations of clusterings and of detectors of anomalies: one meaning on a row and in a batch; whole plans."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows_and_batches import batch_of, rows_of
from skyulf_core import Pipeline
from skyulf_core.serving import load_plan
from skyulf_core.serving.ops import (
    DECISION,
    PREDICTION,
    PROBABILITIES,
    SCORES,
    Detect,
    LocalOutlierFactor,
    Mixture,
    NearestCenter,
    OpError,
)
from skyulf_core.serving.ops.base import Op

numbers = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6)
DRAW = np.random.default_rng(4)
ROWS = DRAW.normal(0.0, 100.0, (40, 2))
METRICS = ["euclidean", "manhattan", "chebyshev"]


def assert_same(ops, rows):
    """Run operations on each row and on all, after a trip through JSON: the same bits come out."""
    ops = [Op.from_dict(json.loads(json.dumps(op.to_dict(), default=np.ndarray.tolist))) for op in ops]
    columns = batch_of(rows)
    for op in ops:
        op.batch(columns)
    for i, row in enumerate(rows):
        values = dict(row)
        for op in ops:
            op.row(values)
        for name in (PREDICTION, SCORES, PROBABILITIES, DECISION):
            assert (name in values) == (name in columns)
            if name in values:
                assert values[name] == columns[name].tolist()[i]
                assert type(values[name]) is type(columns[name].tolist()[i])
    return columns


@given(rows_of(x=numbers, y=numbers), st.sampled_from(METRICS), st.booleans(), st.sampled_from([3, 40]))
def test_nearest_center(rows, metric, limited, count):
    centers, radii = ROWS[:count], np.abs(ROWS[:count, 0]) + 0.5 if limited else None

    found = assert_same([NearestCenter(("x", "y"), centers, np.arange(count) % 3, radii, metric)], rows)

    assert set(found[PREDICTION].tolist()) <= ({-1, 0, 1, 2} if limited else {0, 1, 2})


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=20),
    st.sampled_from([0.0, 0.1, 1e8, 1e15]),
)
def test_ties_far_from_0_are_won_by_the_first(places, offset):
    centers = np.array([(x, y) for x in range(-2, 3) for y in range(-2, 3)] * 2) * 0.5 + offset
    neighbours = LocalOutlierFactor(("x", "y"), centers, np.arange(50.0), np.arange(50.0) + 1, 7)
    rows = [{"x": x + offset, "y": y + offset} for x, y in places]

    found = assert_same([NearestCenter(("x", "y"), centers, np.arange(50))], rows)
    nearest, apart = neighbours._nearest(np.array([[row["x"], row["y"]] for row in rows]))

    for i, row in enumerate(rows):
        squares = [(row["x"] - x) * (row["x"] - x) + (row["y"] - y) * (row["y"] - y) for x, y in centers.tolist()]
        assert found[PREDICTION][i] == squares.index(min(squares))
        roots = np.sqrt(squares)
        assert nearest[i].tolist() == sorted(np.argsort(roots, kind="stable")[:7].tolist())
        assert apart[i].tolist() == roots[nearest[i]].tolist()


def test_of_equally_near_centers_the_first_wins():
    op = NearestCenter(("x",), [[-1.0], [1.0], [1.0]], [7, 8, 9])

    found = assert_same([op], [{"x": 0.0}, {"x": 1.0}, {"x": -3.0}])

    assert found[PREDICTION].tolist() == [7, 8, 7]


def test_a_row_beyond_the_radius_is_in_no_cluster():
    op = NearestCenter(("x",), [[0.0], [10.0]], [0, 1], [1.0, 2.0])

    found = assert_same([op], [{"x": 1.0}, {"x": 1.5}, {"x": 8.0}, {"x": 13.0}])

    assert found[PREDICTION].tolist() == [0, -1, 1, -1]


@given(rows_of(x=numbers, y=numbers), st.sampled_from(["full", "tied", "diagonal"]))
def test_mixture(rows, kind):
    full = np.array([[[0.3, 0.1], [0.0, 0.2]], [[0.7, -0.2], [0.0, 0.01]]])
    factors = {"full": full, "tied": full[:1], "diagonal": np.array([[0.1, 0.2], [0.3, 0.01]])}[kind]

    found = assert_same([Mixture(("x", "y"), ROWS[:2], factors, [-1.0, 0.5])], rows)

    np.testing.assert_allclose(found[PROBABILITIES].sum(axis=1), 1.0)


@given(rows_of(x=numbers, y=numbers), st.sampled_from(METRICS), st.sampled_from([1, 5, 40]))
def test_local_outlier_factor(rows, metric, neighbours):
    factor = LocalOutlierFactor(
        ("x", "y"), np.round(ROWS / 50), np.linspace(0.0, 3.0, 40), np.linspace(0.1, 9.0, 40), neighbours, metric
    )

    assert_same([factor, Detect(-1.5)], rows)


@given(st.lists(st.floats(min_value=0, max_value=1e5), min_size=1), st.sampled_from([0.0, 0.1, 37.5]))
def test_detect_by_depth(depths, expected):
    op = Detect(-0.5, expected)
    columns = {SCORES: np.array(depths).reshape(-1, 1)}
    op.batch(columns)
    for i, depth in enumerate(depths):
        values = {SCORES: [depth]}
        op.row(values)
        assert (values[DECISION], values[PREDICTION]) == (columns[DECISION][i], columns[PREDICTION][i])
        assert (values[DECISION] < 0) == (values[PREDICTION] == -1)


OPS = [
    NearestCenter(("x", "y"), ROWS[:3], [0, 1, 2]),
    NearestCenter(("x", "y"), ROWS, np.arange(40), np.ones(40), "manhattan"),
    Mixture(("x", "y"), ROWS[:2], np.ones((2, 2)), [0.0, 0.0]),
    LocalOutlierFactor(("x", "y"), ROWS, np.ones(40), np.ones(40), 3),
]


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.op)
@pytest.mark.parametrize(("value", "code"), [(None, "null"), (1e200, "out_of_range")])
def test_values_that_cannot_be_worked_with_are_refused_by_row_and_batch(op, value, code):
    if code == "out_of_range" and getattr(op, "metric", "") == "manhattan":
        value = 1.7e308

    with pytest.raises(OpError) as one:
        op.row({"x": 1.0 if value is None else -value, "y": value})
    with pytest.raises(OpError) as many:
        op.batch(batch_of([{"x": 0.0, "y": 1.0}, {"x": 1.0 if value is None else -value, "y": value}]))

    assert one.value.problems == [many.value.problems[0]._replace(row=0)]
    assert (many.value.problems[0].row, many.value.problems[0].code) == (1, code)


@pytest.mark.parametrize(
    "fields",
    [
        {"op": "nearest_center", "features": ["x"], "centers": [[1.0, 2.0]], "labels": [0]},
        {"op": "nearest_center", "features": ["x"], "centers": [[1.0]], "labels": [0, 1]},
        {"op": "nearest_center", "features": ["x"], "centers": [[1.0]], "labels": [0], "radii": [1.0, 2.0]},
        {"op": "nearest_center", "features": ["x"], "centers": [[1.0]], "labels": [0], "metric": "cosine"},
        {"op": "mixture", "features": ["x"], "means": [[1.0]], "factors": [[1.0, 2.0]], "constants": [0.0]},
        {"op": "mixture", "features": ["x"], "means": [[np.inf]], "factors": [[1.0]], "constants": [0.0]},
        {"op": "local_outlier_factor", "features": ["x"], "matrix": [[1.0]], "reaches": [1.0], "densities": [1.0],
         "n_neighbors": 2},
    ],
)  # fmt: skip
def test_operations_that_do_not_fit_themselves_are_refused(fields):
    with pytest.raises(ValueError, match=fields["op"]):
        Op.from_dict(fields)


def frame():
    """Two clusters, and two rows far from both."""
    draw = np.random.default_rng(0)
    x = np.concatenate([draw.normal(0, 1, 60), draw.normal(20, 1, 60), [200.0, -150.0]])
    return pl.DataFrame({"x": x, "y": draw.normal(0, 1, 122)})


def test_a_plan_of_anomalies_answers_with_scores(tmp_path):
    pipeline = Pipeline.from_config({"steps": [], "model": {"node": "isolation_forest"}}).fit(frame())
    pipeline.save(tmp_path / "bundle")

    plan = load_plan(tmp_path / "bundle")
    batch, row = plan.predict_rows(frame().to_dicts()), plan.predict_row({"x": 200.0, "y": 0.0})

    assert (plan.task, plan.classes, plan.target) == ("anomaly", None, None)
    assert batch.predictions == pipeline.predict(frame()).to_list()
    assert batch.scores == pipeline.decision_function(frame()).to_list()
    assert [label < 0 for label in batch.predictions] == [score < 0 for score in batch.scores or []]
    assert row.predictions == [-1]
    assert row.probabilities is None
    assert len(row.scores or []) == 1
    golden = json.loads((tmp_path / "bundle" / "golden.json").read_text())
    assert golden["scores"] == batch.scores[:20]


def test_a_plan_of_a_mixture_has_the_probabilities_of_its_clusters(tmp_path):
    model = {"node": "gaussian_mixture", "config": {"n_components": 2}}
    pipeline = Pipeline.from_config({"steps": [], "model": model}).fit(frame())
    pipeline.save(tmp_path / "bundle")

    plan = load_plan(tmp_path / "bundle")
    answer = plan.predict_row({"x": 19.0, "y": 0.0})

    assert (plan.task, plan.classes, answer.scores) == ("clustering", [0, 1], None)
    assert list(answer.probabilities[0]) == ["0", "1"]
    assert answer.probabilities[0][str(answer.predictions[0])] == max(answer.probabilities[0].values())


def test_bundles_of_the_older_tasks_have_no_new_keys(tmp_path):
    steps = [{"node": "FeatureTargetSplit", "config": {"target": "y"}}]
    pipeline = Pipeline.from_config({"steps": steps, "model": {"node": "ridge_regression"}}).fit(frame())
    pipeline.save(tmp_path / "bundle")

    assert set(json.loads((tmp_path / "bundle" / "golden.json").read_text())) == {
        "rows", "predictions", "probabilities", "tolerance",
    }  # fmt: skip
    assert set(json.loads((tmp_path / "bundle" / "plan.json").read_text())) == {
        "format", "task", "target", "classes", "input_schema", "metadata", "ops",
    }  # fmt: skip
