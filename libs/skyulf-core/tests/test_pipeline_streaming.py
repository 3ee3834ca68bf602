"""What is learned from a LazyFrame, and what it is refused for, is what memory would say."""

import math
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from skyulf_core import DataError, Pipeline
from skyulf_core.nodes.base import Calculator, LazyApplier
from skyulf_core.nodes.registry import NodeRegistry

ROWS = 200_000
LATE = ROWS // 2


def late(first, second, good):
    """Return a long column with two values that are refused, far from each other."""
    values = [good] * ROWS
    values[LATE], values[-1] = first, second
    return values


REFUSALS = {
    "Casting": ("Casting", {"types": {"t": "float64"}, "on_error": "fail"}, {"t": late("x", "y", "1.5")}),
    "Casting to dates": ("Casting", {"types": {"t": "date"}, "on_error": "fail"}, {"t": late("x", "y", "2020-01-01")}),
    "Casting numbers": ("Casting", {"types": {"n": "int8"}, "on_error": "fail"}, {"n": late(300, 400, 1)}),
    "DateParts": ("DateParts", {"columns": ["t"]}, {"t": late("x", "y", "2020-01-01")}),
    "SimpleTransformation": ("SimpleTransformation", {"function": "log1p"}, {"n": late(-1.0, -2.0, 1.0)}),
    "reciprocal": ("SimpleTransformation", {"function": "reciprocal"}, {"n": late(0.0, -0.0, 1.0)}),
    "H3Index": ("H3Index", {"lat": "n", "lon": "m", "on_error": "fail"}, {"n": late(95.0, -95.0, 1.0), "m": 2.0}),
    "TextCleaning": (
        "TextCleaning",
        {"columns": ["t"], "pattern": "a(.*b)?"},
        {"t": late("a" * 10_001, "b" * 10_002, "a")},
    ),
    "OrdinalEncoder": (
        "OrdinalEncoder",
        {"categories_order": {"t": ["a"]}, "handle_unknown": "error"},
        {"t": late("x", "y", "a")},
    ),
}


def refusal(config, frame):
    with pytest.raises(DataError) as caught:
        Pipeline.from_config(config).fit(frame)
    return str(caught.value), caught.value.reason, caught.value.column, caught.value.node


@pytest.mark.parametrize("case", REFUSALS)
@pytest.mark.parametrize("after", [[], ["SimpleImputer"]])
def test_a_stream_is_refused_for_what_memory_is_refused_for(case, after):
    node, config, columns = REFUSALS[case]
    frame = pl.DataFrame({"first": 1.0, **columns})
    steps = [{"node": "MaxAbsScaler", "config": {"columns": ["first"]}}, {"node": node, "config": config}]
    steps += [{"node": name} for name in after]

    wanted = refusal({"steps": steps}, frame)

    assert refusal({"steps": steps}, frame.lazy()) == wanted
    assert wanted[3] == node


def test_the_first_column_is_named_whatever_lies_in_the_rows_before():
    frame = pl.DataFrame({"a": late(-5.0, -6.0, 1.0), "b": [-7.0] * ROWS})
    config = {"steps": [{"node": "SimpleTransformation", "config": {"function": "sqrt"}}, {"node": "StandardScaler"}]}

    assert refusal(config, frame.lazy())[0] == "SimpleTransformation: column 'a': sqrt of -5.0 is not a finite number"


def test_every_node_that_refuses_values_of_a_stream_is_tried():
    never = {"LabelEncoder", "OneHotEncoder"}  # they learn from these rows what they accept

    found = {entry.name for entry in map(NodeRegistry.get, NodeRegistry.names()) if refuses_in_a_stream(entry)}

    assert found - never == {node for node, _, _ in REFUSALS.values()}


def refuses_in_a_stream(entry):
    calculator, applier = entry.calculator, entry.applier
    streams = isinstance(calculator, Calculator) and calculator.streaming and isinstance(applier, LazyApplier)
    return streams and type(applier).refuse is not LazyApplier.refuse


@pytest.mark.parametrize("offset", [0.0, 1e9, 1e12, -1e12])
def test_variances_keep_their_digits_beside_a_large_mean(offset):
    values = offset + np.random.default_rng(0).normal(size=20_000)
    exact = [Fraction(value) for value in values.tolist()]
    mean = sum(exact) / len(exact)
    variance = float(sum((value - mean) ** 2 for value in exact) / len(exact))
    frame = pl.DataFrame({"x": values})

    for data in (frame, frame.lazy()):
        steps = [{"node": "VarianceThreshold", "config": {"threshold": 0.1}}, {"node": "DatasetProfile"}]
        selection, profile = Pipeline.from_config({"steps": steps}).fit(data).fitted.steps
        assert selection.params.array("variances") == pytest.approx([variance], rel=1e-9)
        wanted = (variance * 20_000 / 19_999) ** 0.5
        assert profile.params["columns"][0]["std"] == pytest.approx(wanted, rel=1e-9)


def test_statistics_of_groups_are_the_same_bits_in_every_fit():
    rng, rows = np.random.default_rng(0), 200_000
    keys, numbers = rng.integers(0, 8, rows), rng.normal(size=rows) * 10.0 ** rng.integers(-8, 9, rows)
    gaps = pl.Series(numbers[::-1]).set(pl.Series(rng.random(rows) < 0.1), None)
    frame = pl.DataFrame({"g": keys, "x": numbers, "y": gaps})
    group = {"group_by": ["g"]}
    aggregate = {**group, "column": "x", "aggregations": ["mean", "sum", "std"]}
    steps = [{"node": "GroupImputer", "config": group}, {"node": "GroupAggregate", "config": aggregate}]

    fits = [Pipeline.from_config({"steps": steps}).fit(data).fitted.steps for data in [frame, frame.lazy()] * 4]

    for imputer, aggregated in fits:
        assert imputer.params["values"] == fits[0][0].params["values"]
        assert imputer.params["defaults"] == fits[0][0].params["defaults"]
        assert aggregated.params["values"] == fits[0][1].params["values"]
        assert aggregated.params["default"] == fits[0][1].params["default"]
    exact = [math.fsum(numbers[keys == key]) for key in range(8)]
    assert fits[0][1].params["values"][1] == pytest.approx(exact, rel=1e-15)
