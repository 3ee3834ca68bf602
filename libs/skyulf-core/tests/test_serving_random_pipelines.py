"""Random pipelines of up to eight nodes: what the library makes of rows is what the serving plan makes of them."""

import warnings
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest
from drawn import CONFIGS, TARGETS, examples, frames
from hypothesis import given
from hypothesis import strategies as st
from skyulf_core import Applier, DataError, Kind, NodeRegistry, Params, Pipeline, Schema, validate_config
from skyulf_core.data.align import align
from skyulf_core.pipeline.applying import features_of
from skyulf_core.serving.ops.quantiles import normal_quantile
from skyulf_core.testing import check_plan

# rows of history nodes follow on each other: their batch is compared elsewhere
STEPS = [
    {"node": node, "config": config} for node, config in CONFIGS if NodeRegistry.get(node).kind is not Kind.HISTORY
]
SPLIT = {"node": "FeatureTargetSplit", "config": {"target": "y"}}


class WholePipeline(Applier):
    """All steps of a fitted pipeline as one applier."""

    def __init__(self, fitted):
        self.fitted = fitted

    def apply(self, data, params):
        return features_of(self.fitted, data)

    def plan(self, params):
        return self.fitted.step_ops()


def fitting_together(steps, schema):
    """Return those of the steps that may stand where they are."""
    kept = []
    for step in steps:
        if not validate_config({"steps": [SPLIT, *kept, step]}, schema).problems:
            kept.append(step)
    return kept


@examples(150)
@given(
    steps=st.lists(st.sampled_from(STEPS), min_size=2, max_size=8),
    train=frames("fibtndm"),
    new=frames("fibtndm"),
    draw=st.data(),
)
def test_a_random_pipeline_equals_its_plan(steps, train, new, draw):
    # both labels: a pipeline refuses a constant target, and would prove nothing
    labels = [*draw.draw(st.permutations(["no", "yes"])), *draw.draw(st.lists(TARGETS, min_size=6, max_size=6))]
    target = pl.Series("y", labels[: train.height])
    labelled = train.with_columns(target)
    kept = fitting_together(steps, Schema.from_frame(labelled))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = Pipeline.from_config({"steps": [SPLIT, *kept]}).fit(labelled).fitted
    except DataError:
        return

    for rows in (train, new):
        check_plan(WholePipeline(fitted), Params(), align(rows, fitted.input_schema))


REPLACED = {"node": "InvalidValueReplacement", "config": {"columns": ["i"], "rule": "negative", "replacement": 0.5}}
MAPPED = {"node": "ValueReplacement", "config": {"column_mappings": {"i": {"-1": 0.5}}}}
CLIPPED = {"node": "ClipValues", "config": {"columns": ["i"], "lower": 0.5}}


@pytest.mark.parametrize("step", [REPLACED, MAPPED, CLIPPED], ids=lambda step: step["node"])
def test_whole_numbers_that_became_floats_are_written_as_floats(step):
    frame = pl.DataFrame({"i": [3, -1, None]})
    casting = {"node": "Casting", "config": {"types": {"i": "string"}}}

    fitted = Pipeline.from_config({"steps": [step, casting]}).fit(frame).fitted

    assert features_of(fitted, frame)["i"].to_list() == ["3.0", "0.5", None]
    check_plan(WholePipeline(fitted), Params(), frame)


def test_bins_of_normal_places_have_edges_that_rows_meet():
    frame = pl.DataFrame({"i": [None, None, None, 0, 0, -254, -3457179]})
    config = {"n_quantiles": 3, "output_distribution": "normal"}
    steps = [{"node": "QuantileTransformer", "config": config}, {"node": "KBinsDiscretizer", "config": {"n_bins": 3}}]

    fitted = Pipeline.from_config({"steps": steps}).fit(frame).fitted

    check_plan(WholePipeline(fitted), Params(), frame)


def test_normal_places_are_those_of_python_to_the_last_bit():
    drawn = np.random.default_rng(0).random(100_000)
    places = np.clip(np.concatenate([drawn, drawn**8, 1 - drawn**8, [0.5, 0.075, 0.925]]), 1e-7, 1 - 1e-7)

    assert normal_quantile(places).tolist() == [NormalDist().inv_cdf(place) for place in places.tolist()]
