"""Weights of rows, from the configuration to the model, its metrics and everything that is made of a pipeline."""

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from skyulf_core import DataError, InvalidConfigError, NodeRegistry, Pipeline, validate_config
from skyulf_core.data.frames import schema_of
from skyulf_core.data.splits import Split, SplitDataset
from skyulf_core.nodes.base import Kind, ModelCalculator, Resampler
from skyulf_core.nodes.combiner import Combiner
from skyulf_core.pipeline.resolve import resolve
from skyulf_core.pipeline.running import Flow, Runner
from skyulf_core.testing.samples import TARGETS, sample_frame

CANCER = load_breast_cancer(as_frame=True).frame
CANCER["weight"] = np.random.default_rng(0).uniform(0.0, 3.0, len(CANCER)).round(3)
FEATURES = [name for name in CANCER.columns if name not in ("target", "weight")]
CONFIG = {
    "steps": [
        {"node": "TrainTestSplit", "config": {"target": "target", "random_state": 1}},
        {"node": "StandardScaler"},
    ],
    "model": {"node": "logistic_regression", "weights": "weight"},
}
GRAPH = {
    "nodes": [
        {"id": "split", "node": "TrainTestSplit", "config": {"target": "target", "random_state": 1}},
        {"id": "left", "node": "SelectColumns", "inputs": ["split"], "config": {"columns": FEATURES[:10]}},
        {"id": "right", "node": "SelectColumns", "inputs": ["split"], "config": {"columns": FEATURES[10:]}},
        {"id": "both", "node": "Merge", "inputs": ["left", "right"]},
        {"id": "scaled", "node": "StandardScaler", "inputs": ["both"]},
        {"id": "model", "node": "logistic_regression", "inputs": ["scaled"], "weights": "weight"},
    ]
}


def reference():
    train, test = train_test_split(CANCER, test_size=0.2, random_state=1)
    scaler = StandardScaler().fit(train[FEATURES])
    model = LogisticRegression(random_state=0)
    model.fit(scaler.transform(train[FEATURES]), train["target"], sample_weight=train["weight"])
    return model.predict_proba(scaler.transform(test[FEATURES])), test


@pytest.mark.parametrize("config", [CONFIG, GRAPH], ids=["list", "graph"])
def test_the_model_and_its_metrics_are_weighed_as_in_scikit_learn(config):
    probabilities, test = reference()

    pipeline = Pipeline.from_config(config).fit(CANCER)

    np.testing.assert_allclose(pipeline.predict_proba(test[FEATURES]).to_numpy(), probabilities, atol=1e-9)
    metrics, weights = pipeline.evaluate().metrics, test["weight"]
    expected = accuracy_score(test["target"], probabilities.argmax(axis=1), sample_weight=weights)
    assert metrics["accuracy"] == pytest.approx(expected, abs=1e-12)
    assert metrics["log_loss"] == pytest.approx(log_loss(test["target"], probabilities, sample_weight=weights))
    plain = log_loss(test["target"], probabilities)
    assert pipeline.evaluate(test).metrics["log_loss"] == pytest.approx(metrics["log_loss"], abs=1e-12)
    assert pipeline.evaluate(test.drop(columns="weight")).metrics["log_loss"] == pytest.approx(plain)


def test_a_regression_is_weighed():
    data = load_diabetes(as_frame=True).frame
    data["w"] = np.arange(len(data)) % 5
    train, test = train_test_split(data, test_size=0.2, random_state=42)
    names = list(data.columns.drop(["target", "w"]))
    model = Ridge().fit(train[names], train["target"], sample_weight=train["w"])

    pipeline = Pipeline.from_config(
        {
            "steps": [{"node": "TrainTestSplit", "config": {"target": "target"}}],
            "model": {"node": "ridge_regression", "weights": "w"},
        }
    ).fit(data)

    expected = r2_score(test["target"], model.predict(test[names]), sample_weight=test["w"])
    assert pipeline.evaluate().metrics["r2"] == pytest.approx(expected, abs=1e-9)


ROW_CHANGING = [
    {"node": "DropMissingRows", "config": {"subset": ["gaps"]}},
    {"node": "IQR", "config": {"columns": ["mean radius"]}},
    {"node": "Deduplicate", "config": {"subset": ["mean area"]}},
    {"node": "DropColumns", "config": {"columns": ["gaps"]}},
    {"node": "StandardScaler"},
]


def test_weights_stay_with_their_rows_where_rows_are_left_out():
    gaps = [None if row % 7 == 0 else 1.0 for row in range(len(CANCER))]
    data = pl.from_pandas(CANCER).with_columns(pl.Series("gaps", gaps))
    # a weight that says which row it belongs to: a tree of one leaf per row would show a weight on a wrong row
    data = data.with_columns((pl.col("mean texture") * 2 + pl.col("mean smoothness")).alias("weight"))
    steps = [CONFIG["steps"][0], *ROW_CHANGING]
    unweighed = Pipeline.from_config({"steps": steps})
    rows = unweighed.fit_transform(data.drop("weight"))
    kept = data.filter(pl.col("gaps").is_not_null())
    assert rows.height < kept.height

    pipeline = Pipeline.from_config({"steps": steps, "model": CONFIG["model"]}).fit(data)

    scaler = Pipeline.from_config({"steps": steps[:-1]}).fit_transform(data.drop("weight"))
    weights = scaler["mean texture"] * 2 + scaler["mean smoothness"]
    targets = data.join(
        scaler, on=["mean texture", "mean smoothness", "mean area"], how="inner", maintain_order="right"
    )
    assert targets.height == scaler.height
    expected = LogisticRegression(random_state=0)
    expected.fit(rows.to_numpy(), targets["target"].to_numpy(), sample_weight=weights.to_numpy())
    found = pipeline.fitted.model.params.array("coefficients").ravel()
    np.testing.assert_allclose(found, expected.coef_.ravel(), atol=1e-9)


def test_predictions_need_no_weights_and_a_bundle_remembers_them(tmp_path):
    pipeline = Pipeline.from_config(CONFIG).fit(CANCER)
    assert "weight" not in pipeline.fitted.input_schema.names
    assert pipeline.config["model"]["weights"] == "weight"

    loaded = Pipeline.load(pipeline.save(tmp_path / "bundle"))

    assert loaded.predict(CANCER[FEATURES]).tolist() == pipeline.predict(CANCER).tolist()
    assert loaded.config == pipeline.config
    assert loaded.fingerprint() == pipeline.fingerprint()
    assert loaded.evaluate(CANCER).metrics == pipeline.evaluate(CANCER).metrics
    assert loaded.evaluate(CANCER).metrics != loaded.evaluate(CANCER.drop(columns="weight")).metrics


def test_what_a_pipeline_says_of_itself_names_the_weights():
    pipeline = Pipeline.from_config(CONFIG)
    unweighed = Pipeline.from_config({**CONFIG, "model": {"node": "logistic_regression"}})

    assert pipeline.describe()["weights"] == "weight"
    assert unweighed.describe()["weights"] is None
    assert "weights='weight'" in repr(pipeline)
    assert pipeline.fingerprint() != unweighed.fingerprint()
    assert "weight says" in pipeline.fit(CANCER).model_card()
    assert json.loads(json.dumps(pipeline.describe()))["model"]["weights"] == "weight"


@pytest.mark.parametrize("config", [CONFIG, GRAPH], ids=["list", "graph"])
def test_the_script_of_a_weighed_pipeline_gives_the_same(config, tmp_path):
    pipeline = Pipeline.from_config(config).fit(CANCER)
    script = tmp_path / "script.py"
    script.write_text(pipeline.to_python())
    pl.from_pandas(CANCER).write_parquet(tmp_path / "train.parquet")
    pl.from_pandas(CANCER[FEATURES]).write_parquet(tmp_path / "new.parquet")

    files = [str(tmp_path / "train.parquet"), str(tmp_path / "new.parquet")]
    done = subprocess.run([sys.executable, str(script), *files], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == pipeline.predict(CANCER).tolist()


def with_weights(values):
    return pl.from_pandas(CANCER).with_columns(pl.Series("weight", values))


COUNT = len(CANCER)
BAD_VALUES = {
    "missing": ([None] + [1.0] * (COUNT - 1), "missing-weights", "missing in 1 of 569 rows; fill them in"),
    "nan": ([float("nan")] + [1.0] * (COUNT - 1), "missing-weights", "missing in 1 of 569 rows"),
    "negative": ([-0.5] * 2 + [1.0] * (COUNT - 2), "negative-weights", "below 0 in 2 of 569 rows"),
    "infinite": ([float("inf")] + [1.0] * (COUNT - 1), "infinite-weights", "infinite values"),
    "zero": ([0.0] * COUNT, "zero-weights", "are 0 in all rows"),
}


@pytest.mark.parametrize("name", BAD_VALUES)
def test_weights_that_are_none_are_refused_before_anything_learns(name):
    values, reason, text = BAD_VALUES[name]
    seen = []

    with pytest.raises(DataError, match=text) as error:
        Pipeline.from_config(CONFIG).fit(with_weights(values), report=lambda fraction, message: seen.append(message))

    assert (error.value.reason, error.value.column, seen) == (reason, "weight", [])


def test_training_rows_that_all_weigh_nothing_are_refused():
    train, _ = train_test_split(np.arange(COUNT), test_size=0.2, random_state=1)
    weights = np.ones(COUNT)
    weights[train] = 0.0

    with pytest.raises(DataError, match="0 in all rows that are learned from"):
        Pipeline.from_config(CONFIG).fit(with_weights(weights))


def changed(**model):
    return {**CONFIG, "model": {**CONFIG["model"], **model}}


def oversampled():
    return {**CONFIG, "steps": [*CONFIG["steps"], {"node": "Oversampling", "config": {"strategy": "random"}}]}


def dropped():
    return {**CONFIG, "steps": [*CONFIG["steps"], {"node": "DropColumns", "config": {"columns": ["weight"]}}]}


def weighed_step():
    nodes = [{**GRAPH["nodes"][0], "weights": "weight"}, *GRAPH["nodes"][1:]]
    return {"nodes": nodes}


PROBLEMS = {
    "unknown": (changed(weights="wieght"), "/model/weights", "unknown-column", "Did you mean 'weight'?"),
    "target": (changed(weights="target"), "/model/weights", "target-as-weights", "'target' is the target"),
    "text": (changed(weights="text"), "/model/weights", "wrong-type", "is string; weights are numbers"),
    "no name": (changed(weights=3), "/model/weights", "wrong-type", "weights is the name of a column"),
    "model": (
        changed(node="k_neighbors_classifier"), "/model/weights", "weights-not-supported",
        "k_neighbors_classifier cannot weigh rows",
    ),
    "resampler": (oversampled(), "/steps/2/node", "resampled-weights", "nothing says what those weigh"),
    "feature": (dropped(), "/steps/2/config/columns/0", "weights-as-feature", "is the weights of the rows"),
    "step": (weighed_step(), "/nodes/0/weights", "unknown-key", "Name the column at the model."),
}  # fmt: skip


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_configuration_that_cannot_weigh_rows_says_why(name):
    config, pointer, code, text = PROBLEMS[name]
    data = pl.from_pandas(CANCER).with_columns(pl.lit("a").alias("text"))

    found = validate_config(config, schema_of(data.drop("text") if name != "text" else data))

    problem = next(problem for problem in found.problems if problem.pointer == pointer)
    assert problem.code == code
    assert text in str(problem)
    with pytest.raises(InvalidConfigError):
        Pipeline.from_config(config).fit(data)


def test_a_step_takes_no_weights_in_a_list():
    steps = [CONFIG["steps"][0], {**CONFIG["steps"][1], "weights": "weight"}]

    found = validate_config({**CONFIG, "steps": steps})

    assert [(problem.pointer, problem.code) for problem in found.problems] == [("/steps/1/weights", "unknown-key")]


def flow_of(data, target):
    """Return rows whose weight says which row of the sample each is."""
    weights = pl.Series("w", np.arange(data.height) + 1.0)
    train = Split(data.drop(TARGETS), data[target], weights)
    return Flow(SplitDataset(train, train.take(np.arange(10))), {}, data.drop(TARGETS))


STEPS = [
    name
    for name in NodeRegistry.names()
    if not isinstance(NodeRegistry.get(name).calculator, ModelCalculator | Combiner | Resampler)
]


@pytest.mark.parametrize("name", STEPS)
def test_every_node_keeps_weights_targets_and_features_of_a_row_together(name):
    calculator = NodeRegistry.get(name).calculator
    data = sample_frame()

    for example in calculator.examples:
        resolved = resolve({"steps": [{"node": name, "config": dict(example)}]})
        target = example.get("target", calculator.sample_target)
        _, after = Runner(resolved).run(resolved.nodes[0], [flow_of(data, target)])

        for split in (after.splits.train, after.splits.test):
            rows = split.weights.cast(pl.Int64).to_numpy() - 1
            assert len(split) == len(rows) == len(split.target)
            assert split.target.to_list() == data[target].gather(rows).to_list()
            same = [column for column in ("large", "count") if column in split.features.columns]
            if calculator.kind in (Kind.ROW_CHANGING, Kind.SPLITTER):
                assert split.features.equals(data.drop(TARGETS)[rows])
                assert same
        if calculator.kind not in (Kind.ROW_CHANGING, Kind.SPLITTER):
            assert after.splits.train.weights.to_list() == [row + 1.0 for row in range(data.height)]


def test_weights_stay_with_their_rows_through_an_inner_join():
    rows = pl.DataFrame({"key": [1, 2, 3, 4] * 10, "x": np.arange(40.0), "y": np.arange(40) % 3})
    rows = rows.with_columns(w=pl.int_range(40) + 1.0)
    known = pl.DataFrame({"key": [1, 3], "extra": [0.5, 1.5]})
    config = {
        "sources": ["rows", "known"],
        "nodes": [
            {"id": "join", "node": "Join", "config": {"on": ["key"], "how": "inner"}, "inputs": ["rows", "known"]},
            {"id": "split", "node": "FeatureTargetSplit", "config": {"target": "y"}, "inputs": ["join"]},
            {"id": "model", "node": "ridge_regression", "inputs": ["split"], "weights": "w"},
        ],
    }
    kept = rows.join(known, on="key", maintain_order="left")
    expected = Ridge().fit(kept.select("key", "x", "extra").to_numpy(), kept["y"], sample_weight=kept["w"].to_numpy())

    frames = {"rows": rows, "known": known}
    pipeline = Pipeline.from_config(config).fit(frames)

    found = pipeline.predict(kept.drop("extra")).to_numpy()
    np.testing.assert_allclose(found, expected.predict(kept.select("key", "x", "extra").to_numpy()), atol=1e-9)
    oof = pipeline.cross_validate(frames, {"type": "group_k_fold", "group": "key", "folds": 2}).oof
    assert oof.weights.tolist() == kept["w"].gather(oof.rows).to_list()
    assert oof.truth.tolist() == kept["y"].gather(oof.rows).to_list()


def test_a_lazy_frame_is_weighed_as_one_in_memory():
    frame = pl.from_pandas(CANCER)

    lazy, eager = (Pipeline.from_config(CONFIG).fit(data) for data in (frame.lazy(), frame))

    assert lazy.evaluate().metrics == eager.evaluate().metrics
    assert lazy.predict(frame.lazy()).to_list() == eager.predict(frame).to_list()


def test_weights_of_1_change_nothing_and_a_weight_of_2_is_a_row_twice():
    frame = pl.from_pandas(CANCER).head(120)
    split = {"node": "FeatureTargetSplit", "config": {"target": "target"}}
    weighed = {"steps": [split], "model": {"node": "ridge_regression", "weights": "weight"}}
    plain = {"steps": [split], "model": {"node": "ridge_regression"}}
    twice = frame.with_columns(weight=pl.when(pl.int_range(120) < 40).then(2).otherwise(1))

    ones = Pipeline.from_config(weighed).fit(frame.with_columns(weight=pl.lit(1))).predict(frame)
    same = Pipeline.from_config(plain).fit(frame.drop("weight")).predict(frame)
    found = Pipeline.from_config(weighed).fit(twice).predict(frame)
    repeated = Pipeline.from_config(plain).fit(pl.concat([frame, frame.head(40)]).drop("weight")).predict(frame)

    np.testing.assert_allclose(ones.to_numpy(), same.to_numpy(), atol=1e-9)
    np.testing.assert_allclose(found.to_numpy(), repeated.to_numpy(), atol=1e-9)
