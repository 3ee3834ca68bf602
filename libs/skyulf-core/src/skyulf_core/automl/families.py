"""Families of models, the cheapest first: which node, which preparation, how costs grow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Literal, TypeAlias

from pydantic import JsonValue

from skyulf_core.nodes.base import ModelCalculator
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.threads import thread_limit

Kind: TypeAlias = Literal["plain", "trees"]
AutoTask: TypeAlias = Literal["classification", "regression"]
PARALLEL_FROM = 5_000
"""With fewer rows threads cost more than they bring."""


@dataclass(frozen=True)
class Family:
    """One family: its node by task, its preparation, and what is known of its costs before any is measured.

    `cost` is how many times the first family's seconds a fit may take, `growth` the exponent of rows in it, `costs`
    the parameters that fits take longer with, in proportion, each with the default that the measured one had.
    `openmp` says that it takes all cores without being told.
    `fixed` is the share of a fit of few rows that does not grow with them (trees of so many leaves are built whatever
    the rows), `risk` how many times as long other parameters may make it, beyond that. `most_rows` is where it stops
    being worth its time, `space` what is searched where that is not all that the model says.
    """

    name: str
    nodes: Mapping[str, str]
    kind: Kind
    cost: float
    growth: float = 1.1
    params: Mapping[str, JsonValue] = field(default_factory=dict)
    of_task: Mapping[str, Mapping[str, JsonValue]] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)
    risk: float = 1.5
    fixed: float = 0.2
    space: Mapping[str, JsonValue] | None = None
    most_rows: int | None = None
    package: str | None = None
    threads: bool = False
    openmp: bool = False
    seeded: bool = True

    @property
    def installed(self) -> bool:
        """Whether the package that it needs is there."""
        return self.package is None or find_spec(self.package) is not None

    def config(self, task: AutoTask, *, rows: int, random_state: int) -> dict[str, JsonValue]:
        """Return the parameters that it begins with."""
        found: dict[str, JsonValue] = {**self.params, **self.of_task.get(task, {})}
        fields = NodeRegistry.get(self.nodes[task]).config_model.model_fields
        if self.seeded and "random_state" in fields:
            found["random_state"] = random_state
        limit = thread_limit()
        if self.threads and rows >= PARALLEL_FROM and limit != 1:
            found["n_jobs"] = -1 if limit is None else limit
        return found

    def factor(self, params: Mapping[str, JsonValue]) -> float:
        """Return how many times as long a fit with these parameters takes as one with those that it begins with."""
        product = 1.0
        for name, default in self.costs.items():
            value = params.get(name)
            product *= float(value) / default if isinstance(value, int | float) else 1.0
        return product

    def weighted(self, task: AutoTask) -> bool:
        """Say whether its rows may have weights."""
        calculator = NodeRegistry.get(self.nodes[task]).calculator
        return isinstance(calculator, ModelCalculator) and calculator.weighted


def _both(stem: str) -> dict[str, str]:
    return {"classification": f"{stem}_classifier", "regression": f"{stem}_regressor"}


FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family(
            "linear",
            {"classification": "logistic_regression", "regression": "ridge_regression"},
            "plain",
            1.0,
            of_task={"classification": {"max_iter": 300}},
            risk=3.0,
        ),
        Family("naive_bayes", {"classification": "gaussian_nb"}, "plain", 1.0),
        Family("decision_tree", _both("decision_tree"), "trees", 1.5, params={"min_samples_leaf": 5}),
        Family("neighbors", _both("k_neighbors"), "plain", 3.0, growth=1.6, most_rows=20_000),
        Family(
            "lightgbm", _both("lgbm"), "trees", 8.0, package="lightgbm", threads=True,
            costs={"n_estimators": 100.0, "num_leaves": 31.0}, fixed=0.5,
        ),
        Family(
            "hist_gradient_boosting", _both("hist_gradient_boosting"), "trees", 8.0,
            costs={"max_iter": 100.0, "max_leaf_nodes": 31.0}, fixed=0.5, openmp=True,
        ),
        Family("extra_trees", _both("extra_trees"), "trees", 10.0, threads=True, costs={"n_estimators": 100.0}),
        Family(
            "random_forest", _both("random_forest"), "trees", 12.0, growth=1.2, threads=True,
            costs={"n_estimators": 100.0},
        ),
        Family(
            "xgboost", _both("xgboost"), "trees", 12.0, package="xgboost", threads=True,
            costs={"n_estimators": 100.0, "max_depth": 6.0}, fixed=0.5,
        ),
        Family(
            "svm", {"classification": "svc", "regression": "svr"}, "plain", 10.0, growth=2.0, most_rows=3_000,
            params={"max_iter": 20_000}, of_task={"classification": {"probability": True}}, risk=4.0,
            space={
                "C": {"low": 0.01, "high": 100.0, "log": True}, "gamma": {"low": 1e-4, "high": 1.0, "log": True},
            },
        ),
        Family("mlp", _both("mlp"), "plain", 30.0, growth=1.0, most_rows=50_000, risk=4.0),
    )
}  # fmt: skip


def fitting(
    task: AutoTask, *, rows: int, weighted: bool, named: tuple[str, ...] | None
) -> tuple[list[Family], list[str]]:
    """Return the families to try, the cheapest first, and a sentence for each that is left out although it does the
    task. One that is named is tried with as many rows as there are.
    """
    kept, notes = [], []
    for family in FAMILIES.values():
        if task not in family.nodes or (named is not None and family.name not in named):
            continue
        if not family.installed:
            notes.append(f"{family.name} is left out: pip install 'skyulf-core[boosting]' brings it.")
        elif weighted and not family.weighted(task):
            notes.append(f"{family.name} is left out: it cannot weigh rows.")
        elif named is None and family.most_rows is not None and rows > family.most_rows:
            notes.append(f"{family.name} is left out: {rows:,} rows are too many for it to be worth its time.")
        else:
            kept.append(family)
    return kept, notes
