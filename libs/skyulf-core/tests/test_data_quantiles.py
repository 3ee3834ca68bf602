"""Quantiles by a sample and a pass equal those by sorting, whatever the values."""

import numpy as np
import polars as pl
import pytest
from skyulf_core.data.quantiles import quantiles
from skyulf_core.nodes.binning.edges import Wanted, edges_of

ROWS = 60_000
RNG = np.random.default_rng(5)
COLUMNS = {
    "normal": RNG.normal(size=ROWS),
    "tied": RNG.choice([0.0, 0.0, 0.0, 1.0, 2.0], ROWS),
    "constant": np.full(ROWS, 3.5),
    "sorted": np.arange(ROWS) * 0.1,
    "heavy": RNG.standard_cauchy(ROWS),
    "infinite": np.where(RNG.random(ROWS) < 0.01, np.inf, RNG.normal(size=ROWS)),
    "whole": RNG.integers(-5, 5, ROWS),
}
LEVELS = [0.0, 0.001, 0.05, 0.25, 0.5, 0.75, 0.95, 0.9999, 1.0]


@pytest.mark.parametrize("name", COLUMNS)
def test_selected_quantiles_are_those_of_sorting(name):
    frame = pl.DataFrame({name: COLUMNS[name], "gaps": RNG.random(ROWS) < 0.1})
    frame = frame.select(pl.when(~pl.col("gaps")).then(pl.col(name)).alias(name))
    wanted = [(name, level) for level in LEVELS]

    found = quantiles(frame.lazy(), wanted, sorted_rows=10)

    assert found == pytest.approx(quantiles(frame.lazy(), wanted), rel=1e-12, abs=1e-12)
    if name != "infinite":  # numpy's quantile of infinities is none
        assert found == pytest.approx(np.quantile(frame[name].drop_nulls().to_numpy(), LEVELS).tolist(), rel=1e-9)


def test_a_bracket_that_misses_is_sorted_after_all():
    periodic = np.where(np.arange(200_000) % 2 == 0, 0.0, np.arange(200_000.0))

    found = quantiles(pl.LazyFrame({"x": periodic}), [("x", 0.9)], sorted_rows=10)

    assert found == pytest.approx([np.quantile(periodic, 0.9)])


def test_no_values_have_no_quantile():
    nothing = pl.LazyFrame({"x": [None, None, None]}, schema={"x": pl.Float64})

    assert quantiles(nothing, [("x", 0.5)], sorted_rows=1) == [None]
    assert quantiles(nothing, [("x", 0.5)]) == [None]
    assert quantiles(nothing, []) == []


@pytest.mark.parametrize("name", [name for name in COLUMNS if name not in ("constant", "infinite")])
@pytest.mark.parametrize("method", ["linear", "averaged_inverted_cdf"])
def test_edges_of_bins_are_the_same_from_a_sample_and_a_pass(name, method):
    gaps = RNG.random(ROWS) < 0.1
    frame = pl.LazyFrame({name: COLUMNS[name], "gaps": gaps}).select(pl.when(~pl.col("gaps")).then(pl.col(name)))
    wanted = {name: Wanted(method, 8)}

    selected = edges_of(frame, wanted, partitioned_rows=10)

    assert selected[name].tolist() == edges_of(frame, wanted)[name].tolist()


def test_edges_of_a_column_that_the_sample_misleads_are_partitioned():
    periodic = np.where(np.arange(200_000) % 2 == 0, 0.0, np.arange(200_000.0))
    frame, wanted = pl.LazyFrame({"x": periodic}), {"x": Wanted("linear", 5)}

    assert edges_of(frame, wanted, partitioned_rows=10)["x"].tolist() == edges_of(frame, wanted)["x"].tolist()
