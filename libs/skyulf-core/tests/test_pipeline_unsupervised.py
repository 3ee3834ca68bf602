"""Pipelines whose model learns without a target: with a splitter or without one."""

from typing import Any

import numpy as np
import palmerpenguins
import polars as pl
import pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import IsolationForest
from sklearn.preprocessing import StandardScaler
from skyulf_core import InvalidConfigError, NotFittedError, Pipeline, Schema, validate_config
from skyulf_core.evaluation import Evaluation

SPLIT = {"node": "TrainTestSplit", "config": {"target": "species", "stratify": True}}
SCALE = {"node": "StandardScaler"}
KMEANS = {"node": "kmeans", "config": {"n_clusters": 3}}
FOREST = {"node": "isolation_forest", "config": {"n_estimators": 30}}


def penguins() -> pl.DataFrame:
    """342 penguins with four figures and their species."""
    frame = pl.DataFrame(palmerpenguins.load_penguins().to_dict("list"), strict=False).fill_nan(None)
    names = ("species", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
    return frame.select(names).drop_nulls()


def figures() -> pl.DataFrame:
    """The same without species."""
    return penguins().drop("species")


def pipeline(*steps: dict[str, object], model: dict[str, object] = KMEANS) -> Pipeline:
    return Pipeline.from_config({"steps": list(steps), "model": model})


def test_a_clustering_needs_neither_splitter_nor_target() -> None:
    fitted = pipeline(SCALE).fit(figures())

    rows = StandardScaler().fit_transform(figures().to_numpy())
    wanted = KMeans(n_clusters=3, random_state=0).fit(rows).labels_
    assert fitted.predict(figures()).to_list() == wanted.tolist()
    assert fitted.predict(figures()).name == "prediction"
    assert (fitted.fitted.task, fitted.fitted.target, fitted.fitted.classes) == ("clustering", None, None)


def test_without_held_out_rows_those_of_training_are_judged() -> None:
    fitted = pipeline(SCALE).fit(figures())

    found = fitted.evaluate()

    assert (found.task, found.rows, found.details["judged_on"]) == ("clustering", 342, "training")
    assert "On 342 training rows" in fitted.model_card()
    assert Evaluation.from_dict(found.to_dict()) == found


def test_a_target_is_only_compared_with() -> None:
    data = penguins()
    fitted = pipeline(SPLIT, SCALE).fit(data)
    shuffled = pl.Series("species", np.random.default_rng(0).permutation(data["species"].to_numpy()))
    unlike = {**SPLIT, "config": {"target": "species"}}

    found = fitted.evaluate()

    assert (found.rows, found.details["judged_on"]) == (69, "held out")
    assert found.metrics["adjusted_rand"] > 0.7
    assert found.details["cross_table"]["reference"] == ["Adelie", "Chinstrap", "Gentoo"]  # type: ignore[index,call-overload]
    assert fitted.predict(figures()).name == "prediction"
    one, other = (pipeline(unlike, SCALE).fit(each) for each in (data, data.with_columns(shuffled)))
    assert one.predict(figures()).to_list() == other.predict(figures()).to_list()


@pytest.mark.parametrize("values", [[None, "a"], ["same", "same"], [1.5, None], [True, None]])
def test_a_target_that_teaches_nothing_is_no_fault(values: list[object]) -> None:
    data = figures().with_columns(pl.Series("known", values * 171))
    split = {"node": "TrainTestSplit", "config": {"target": "known"}}

    found = pipeline(split, SCALE).fit(data).evaluate()

    assert found.metrics["silhouette"] > 0
    assert ("adjusted_rand" in found.metrics) == (values != [1.5, None])


def test_new_rows_are_judged_with_and_without_the_target() -> None:
    fitted = pipeline(SPLIT, SCALE).fit(penguins())

    with_target, without = fitted.evaluate(penguins()), fitted.evaluate(figures())

    assert set(with_target.metrics) - set(without.metrics) == {"adjusted_rand", "nmi"}
    assert with_target.metrics["silhouette"] == without.metrics["silhouette"]


def test_anomalies_have_decisions() -> None:
    fitted = pipeline(model=FOREST).fit(figures().to_pandas())

    reference = IsolationForest(n_estimators=30, random_state=0).fit(figures().to_numpy())
    decisions = fitted.decision_function(figures().to_pandas())
    np.testing.assert_allclose(decisions, reference.decision_function(figures().to_numpy()), rtol=0, atol=1e-9)
    assert fitted.predict(figures()).to_list() == reference.predict(figures().to_numpy()).tolist()
    assert fitted.evaluate().metrics == {"anomaly_share": float((decisions < 0).mean())}


def test_other_models_have_no_decisions_nor_probabilities() -> None:
    fitted = pipeline(SCALE).fit(figures())

    with pytest.raises(NotFittedError, match="does not detect anomalies"):
        fitted.decision_function(figures())
    with pytest.raises(NotFittedError, match="no probabilities"):
        fitted.predict_proba(figures())


@pytest.mark.parametrize("step", ["TargetEncoder", "Oversampling", "UnivariateSelection"])
def test_no_step_may_see_the_target(step: str) -> None:
    with pytest.raises(InvalidConfigError, match="learns without one") as caught:
        pipeline(SPLIT, {"node": step})

    assert [problem.code for problem in caught.value.problems] == ["target-unseen"]


def test_the_rules_of_splitters_stay() -> None:
    with pytest.raises(InvalidConfigError, match="Leakage"):
        pipeline(SCALE, SPLIT)
    found = validate_config({"steps": [SPLIT], "model": KMEANS}, Schema.from_frame(penguins().drop("species")))
    assert [problem.code for problem in found.problems] == ["unknown-target"]


def test_rows_that_steps_drop_teach_nothing() -> None:
    data = figures().vstack(figures().head(1).select(pl.all() * 100))
    fitted = pipeline({"node": "IQR", "config": {"multiplier": 3.0}}, SCALE).fit(data)

    assert fitted.evaluate().rows == 342
    assert len(fitted.predict(data)) == 343


def test_a_graph_and_weights() -> None:
    data = figures().with_columns(weight=pl.Series([2, 1] * 171), id=pl.int_range(342))
    nodes = [
        {"id": "scale", "node": "StandardScaler", "config": {"columns": figures().columns}},
        {"id": "drop", "node": "DropColumns", "config": {"columns": ["id"]}, "inputs": ["scale"]},
        {"id": "model", **KMEANS, "inputs": ["drop"], "weights": "weight"},
    ]
    fitted = Pipeline.from_config({"nodes": nodes}).fit(data)

    rows = StandardScaler().fit_transform(figures().to_numpy())
    weights = data["weight"].to_numpy().astype(float)
    wanted = KMeans(n_clusters=3, random_state=0).fit(rows, sample_weight=weights)
    assert fitted.predict(data.drop("weight")).to_list() == wanted.labels_.tolist()


def test_texts_and_drawings_say_what_it_is() -> None:
    fitted = pipeline(SPLIT, SCALE).fit(penguins())

    assert fitted.model_card().startswith("# Clusters\n\nGroups rows (clustering) with kmeans")
    assert "Compared with **species**" in fitted.model_card()
    assert fitted.describe()["task"] == "clustering"
    assert '(["kmeans"])' in fitted.to_mermaid()
    assert pipeline(model=FOREST).fit(figures()).model_card().startswith("# Anomalies")


@pytest.mark.parametrize("model", [KMEANS, FOREST, {"node": "gaussian_mixture", "config": {"n_components": 2}}])
@pytest.mark.parametrize("split", [True, False])
def test_the_script_gives_the_same(model: dict[str, object], split: bool) -> None:
    data = penguins() if split else figures()
    fitted = pipeline(*([SPLIT] if split else []), SCALE, model=model).fit(data)
    written: dict[str, Any] = {"__name__": "written"}

    exec(fitted.to_python(), written)

    assert written["predict"](written["fit"](data), data) == fitted.predict(data).to_list()
