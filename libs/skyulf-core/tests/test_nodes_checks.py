"""Every registered node keeps every promise; every example in a docstring runs."""

import doctest
import importlib
import pkgutil
import warnings

import polars as pl
import pytest
import skyulf_core
from skyulf_core import Applier, Calculator, Kind, NodeConfig, NodeRegistry, Params, Schema
from skyulf_core.serving.ops import Affine
from skyulf_core.testing import CheckError, check_node

MODULES = [module.name for module in pkgutil.walk_packages(skyulf_core.__path__, "skyulf_core.")]


@pytest.mark.parametrize("name", NodeRegistry.names())
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_node_keeps_every_promise(name):
    assert len(check_node(name)) >= 6


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name):
    module = importlib.import_module(name)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = doctest.testmod(module)

    assert found.failed == 0


def test_every_node_shows_an_example_and_the_failing_case():
    for name in NodeRegistry.names():
        entry = NodeRegistry.get(name)
        if entry.is_model:
            continue
        doc = type(entry.calculator).__doc__ or ""
        assert ">>>" in doc, name
        assert "Traceback" in doc or name == "DropMissingRows", name


class ShiftConfig(NodeConfig):
    pass


class ShiftApplier(Applier):
    def apply(self, data, params):
        return data.with_columns(pl.col("count").cast(pl.Float64) - 1.0)

    def plan(self, params):
        return [Affine(columns=("count",), offsets=(2.0,), scales=(1.0,))]


class ShiftCalculator(Calculator[ShiftConfig]):
    """A node whose plan says something else than its frame."""

    family, kind, keywords = "broken", Kind.LEARNED, ("broken",)

    def fit(self, data, config):
        return Params(seen=float(data["count"][0]))

    def infer_schema(self, schema: Schema, config):
        return schema.change(["count"], dtype="float")


def test_check_node_finds_a_node_that_breaks_its_promises(monkeypatch):
    monkeypatch.setattr(NodeRegistry, "_entries", dict(NodeRegistry._entries))
    NodeRegistry.register("Shift", ShiftApplier)(ShiftCalculator)

    with pytest.raises(CheckError, match=r"Shift with \{\}: fit_ignores_row_order: params/seen"):
        check_node("Shift")

    monkeypatch.setattr(ShiftCalculator, "fit", lambda self, data, config: Params())
    with pytest.raises(CheckError, match="plan_equals_apply: plan by rows: count, row 0"):
        check_node("Shift")
