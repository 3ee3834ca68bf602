"""AutoML: a search uses no more than its budget and a tenth, beside others at work too."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest
from harness.flights import flights
from palmerpenguins import load_penguins
from skyulf_core import Pipeline
from skyulf_core.nodes.registry import NodeRegistry

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
MOST = 1.1
HOG = """
import sys, time
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    sum(range(10_000))
"""


def penguins() -> pl.DataFrame:
    return pl.from_pandas(load_penguins()).drop_nulls("sex").rename({"sex": "y"})


def made() -> pl.DataFrame:
    """A hundred thousand rows with categories and nulls."""
    rng, count = np.random.default_rng(0), 100_000
    data = rng.normal(size=(count, 12))
    margin = data[:, 0] * data[:, 1] + data[:, 2] + rng.normal(size=count)
    towns = pl.Series("town", [f"t{i}" for i in rng.integers(80, size=count)])
    frame = pl.DataFrame({f"x{i}": data[:, i] for i in range(12)}).with_columns(towns)
    holes = pl.Series(rng.random(count) < 0.07)
    with_holes = (pl.when(holes).then(None).otherwise(pl.col(name)).alias(name) for name in ("x1", "x5", "town"))
    return frame.with_columns(with_holes).with_columns(y=pl.Series(np.where(margin > 0, "yes", "no")))


SETS = {"penguins": penguins, "made": made, "flights": lambda: flights().rename({"outcome": "y"})}


@pytest.fixture
def hogs(request: pytest.FixtureRequest) -> Iterator[None]:
    """So many processes that do nothing but work; they stop by themselves, should nobody stop them."""
    started = [subprocess.Popen([sys.executable, "-c", HOG, "120"]) for _ in range(request.param)]
    yield
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("hogs", [0, 2], indirect=True)
@pytest.mark.parametrize(
    ("name", "budget"), [("penguins", 5.0), ("made", 10.0), ("made", 20.0), ("flights", 20.0), ("flights", 60.0)]
)
@pytest.mark.usefixtures("hogs")
def test_a_search_uses_no_more_than_its_budget_and_a_tenth(name: str, budget: float) -> None:
    data = SETS[name]()
    NodeRegistry.names()
    split = {"node": "TrainTestSplit", "config": {"target": "y", "stratify": True, "random_state": 1}}
    config = {"steps": [split], "model": {"node": "auto", "config": {"budget": budget}}}
    began = time.monotonic()

    pipeline = Pipeline.from_config(config).fit(data)
    seconds = time.monotonic() - began

    assert seconds <= budget * MOST
    found = pipeline.auto_result
    assert found is not None
    assert found.best.state == "complete"
