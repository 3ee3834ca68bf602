"""From configuration to bundle and back, in this process and in another one."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from palmerpenguins import load_penguins
from skyulf_core import NodeRegistry, Pipeline
from skyulf_core.serving import load_plan, verify
from skyulf_core.testing import sample_frame

CONFIG = {
    "steps": [
        {"node": "TrainTestSplit", "config": {"target": "label", "random_state": 1, "validation_size": 0.1}},
        {"node": "DropColumns", "config": {"columns": ["value", "digits"]}},
        {
            "node": "DateParts",
            "config": {"columns": ["at", "day", "iso"], "parts": ["month", "hour"], "cyclical": True},
        },
        {"node": "Casting", "config": {"types": {"flag": "int8"}}},
        {"node": "SimpleImputer", "config": {"strategy": "mean"}},
        {"node": "OneHotEncoder", "config": {"include_missing": True, "max_categories": 4}},
        {"node": "Winsorize", "config": {"columns": ["large"]}},
        {"node": "StandardScaler"},
    ],
    "model": {"node": "logistic_regression"},
}


@pytest.fixture(scope="module")
def pipeline():
    return Pipeline.from_config(CONFIG).fit(sample_frame(200))


def test_saved_pipeline_predicts_the_same(pipeline, tmp_path):
    frame = sample_frame(50, seed=99)

    again = Pipeline.load(pipeline.save(tmp_path / "bundle"))

    assert again.predict(frame).equals(pipeline.predict(frame))
    assert again.predict_proba(frame).equals(pipeline.predict_proba(frame))
    assert again.fingerprint() == pipeline.fingerprint()
    assert again.describe() == pipeline.describe()
    assert again.evaluate().to_dict() == pipeline.evaluate().to_dict()


def test_served_plan_predicts_the_same(pipeline, tmp_path):
    frame = sample_frame(150, seed=98)
    rows = json.loads(frame.drop("label", "value", "digits").write_json())
    rows = [{k: v.replace(" ", "T") if k == "at" and v else v for k, v in row.items()} for row in rows]
    bundle = pipeline.save(tmp_path / "bundle")

    model = load_plan(bundle)
    batch, single = model.predict_rows(rows), [model.predict_rows([row]) for row in rows]

    expected = pipeline.predict(frame).to_list()
    probabilities = pipeline.predict_proba(frame).to_dicts()
    assert batch.predictions == expected
    assert [one.predictions[0] for one in single] == expected
    for found, wanted in zip(batch.probabilities, probabilities, strict=True):
        assert found == pytest.approx(wanted, abs=1e-9)
    assert verify(bundle).rows == 20


def test_fingerprint_is_the_same_in_every_process_and_changes_with_the_config():
    code = f"from skyulf_core import Pipeline; print(Pipeline.from_config({CONFIG!r}).fingerprint())"
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout.strip()
        for seed in ("1", "2")
    }
    explicit = {**CONFIG, "steps": [*CONFIG["steps"][:-1], {"node": "StandardScaler", "config": {"with_std": True}}]}
    changed = {**CONFIG, "steps": [*CONFIG["steps"][:-1], {"node": "StandardScaler", "config": {"with_std": False}}]}

    assert runs == {Pipeline.from_config(CONFIG).fingerprint()}
    assert Pipeline.from_config(explicit).fingerprint() in runs
    assert Pipeline.from_config(changed).fingerprint() not in runs


def test_columns_that_no_answer_depends_on_may_be_absent(pipeline):
    frame = sample_frame(10, seed=3)

    assert pipeline.fitted.optional_columns() == {"value", "digits"}
    assert pipeline.predict(frame.drop("value", "digits", "label")).equals(pipeline.predict(frame))


def test_answers_come_in_the_library_and_index_of_the_question(pipeline):
    frame = sample_frame(5).to_pandas()
    frame.index = ["a", "b", "c", "d", "e"]

    predictions, probabilities = pipeline.predict(frame), pipeline.predict_proba(frame)

    assert isinstance(predictions, pd.Series)
    assert predictions.name == "label"
    assert list(predictions.index) == list(frame.index) == list(probabilities.index)
    assert list(probabilities.columns) == ["high", "low", "mid"]
    assert isinstance(pipeline.predict(pl.from_pandas(frame)), pl.Series)


def test_progress_rises_to_one():
    seen = []

    Pipeline.from_config(CONFIG).fit(sample_frame(), report=lambda fraction, step: seen.append((fraction, step)))

    assert [step for _, step in seen][:2] == ["TrainTestSplit", "DropColumns"]
    assert seen[-1] == (1.0, "done")
    assert sorted(fraction for fraction, _ in seen) == [fraction for fraction, _ in seen]


def test_evaluation_of_new_rows_needs_their_target(pipeline):
    fresh = pipeline.evaluate(sample_frame(60, seed=5))

    assert fresh.rows == 60
    assert pipeline.evaluate().rows == 40
    assert set(fresh.metrics) == set(pipeline.evaluate().metrics)


@pytest.mark.parametrize("kind", ["boolean", "integer", "float", "string"])
def test_labels_come_back_in_their_own_type(kind, tmp_path):
    flags = load_penguins()["body_mass_g"].fillna(0) > 4000
    labels = {"boolean": flags, "integer": flags.astype(int) + 3, "float": flags + 0.0, "string": flags.map(str)}[kind]
    frame = load_penguins()[["bill_length_mm", "flipper_length_mm"]].assign(heavy=labels)
    config = {
        "steps": [{"node": "TrainTestSplit", "config": {"target": "heavy"}}, {"node": "SimpleImputer"}],
        "model": {"node": "hist_gradient_boosting_classifier", "config": {"max_iter": 5}},
    }

    pipeline = Pipeline.from_config(config).fit(frame)

    expected = {"boolean": bool, "integer": int, "float": int, "string": str}[kind]
    assert {type(label) for label in pipeline.fitted.classes} == {expected}
    assert {type(label) for label in pipeline.predict(frame).tolist()} == {expected}
    row = {"bill_length_mm": 40.0, "flipper_length_mm": None}
    assert type(load_plan(pipeline.save(tmp_path)).predict_rows([row]).predictions[0]) is expected
    assert pipeline.evaluate(frame).metrics["accuracy"] > 0.8


def test_pipeline_without_a_model_transforms(tmp_path):
    steps = [{"node": "SimpleImputer"}, {"node": "StandardScaler", "config": {"columns": ["number"]}}]
    pipeline = Pipeline.from_config({"steps": steps}).fit(sample_frame())

    again = Pipeline.load(pipeline.save(tmp_path))

    found = again.transform(sample_frame())
    assert found.equals(pipeline.transform(sample_frame()))
    np.testing.assert_allclose([found["number"].mean(), found["number"].std(ddof=0)], [0.0, 1.0], atol=1e-9)


def test_description_is_json(pipeline):
    description = pipeline.describe()

    assert json.loads(json.dumps(description)) == description
    assert description["classes"] == ["high", "low", "mid"]
    assert description["steps"][4]["config"]["strategy"] == "mean"


def test_catalogue_lists_every_node_with_its_form():
    catalogue = NodeRegistry.list()

    assert {"SimpleImputer", "TrainTestSplit", "logistic_regression"} <= {info.name for info in catalogue}
    imputer = next(info for info in catalogue if info.name == "SimpleImputer")
    assert imputer.family == "imputation"
    assert imputer.summary.startswith("Replace missing values")
    assert imputer.json_schema["properties"]["strategy"]["enum"] == ["mean", "median", "most_frequent", "constant"]
    assert json.loads(json.dumps(imputer.to_dict()))["kind"] == "learned"


def test_serving_loads_no_frame_library():
    code = (
        "import sys, skyulf_core, skyulf_core.serving; "
        "print([m for m in ('polars', 'pandas', 'sklearn', 'pydantic') if m in sys.modules])"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


PLUGIN = '''
import polars as pl
from skyulf_core import Applier, Calculator, Kind, NodeConfig, NodeRegistry, Params
from skyulf_core.serving.ops import Affine


class HalveApplier(Applier):
    def apply(self, data, params):
        return data.with_columns((pl.col(name).cast(pl.Float64) - 0.0) / 2.0 for name in params.strings("columns"))

    def plan(self, params):
        columns = tuple(params.strings("columns"))
        return [Affine(columns=columns, offsets=(0.0,) * len(columns), scales=(2.0,) * len(columns))]


class HalveConfig(NodeConfig):
    pass


@NodeRegistry.register("Halve", HalveApplier)
class HalveCalculator(Calculator[HalveConfig]):
    """Halve the column `count`."""

    family, kind, keywords = "own", Kind.STATELESS, ("half",)

    def fit(self, data, config):
        return Params(columns=["count"])

    def infer_schema(self, schema, config):
        return schema.change(["count"], dtype="float")
'''


def test_a_node_of_another_package_needs_one_file_and_an_entry_point(tmp_path):
    (tmp_path / "halving.py").write_text(PLUGIN)
    info = tmp_path / "halving-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: halving\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[skyulf.nodes]\nhalving = halving\n")
    code = "from skyulf_core.testing import check_node; print(len(check_node('Halve')))"

    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(tmp_path)}
    )

    assert int(found.stdout) > 15


def test_pandas_types_of_every_kind_are_understood(tmp_path):
    rows = 60
    frame = pd.DataFrame(
        {
            "nullable": pd.array([None if i % 9 == 0 else i for i in range(rows)], dtype="Int64"),
            "small": pd.array(range(rows), dtype="uint8"),
            "single": pd.array([i / 7 for i in range(rows)], dtype="float32"),
            "kind": pd.Categorical(["a", "b", "c"] * (rows // 3)),
            "flag": [None if i % 8 == 0 else i % 2 == 0 for i in range(rows)],
            "text": [None if i % 5 == 0 else "x" for i in range(rows)],
            "at": pd.date_range("2024-01-01", periods=rows, freq="7h", tz="Europe/Oslo"),
            "empty": pd.Series([None] * rows, dtype="str"),
            "y": pd.array([bool(i % 3 == 0) for i in range(rows)], dtype="boolean"),
        }
    )
    config = {
        "steps": [
            {"node": "TrainTestSplit", "config": {"target": "y", "stratify": True}},
            {"node": "DropColumns", "config": {"columns": ["empty"]}},
            {"node": "DateParts"},
            {"node": "SimpleImputer", "config": {"strategy": "most_frequent"}},
            {"node": "OneHotEncoder"},
            {"node": "StandardScaler"},
        ],
        "model": {"node": "logistic_regression"},
    }

    pipeline = Pipeline.from_config(config).fit(frame)

    types = {column.name: column.dtype for column in pipeline.fitted.input_schema}
    assert types == {
        "nullable": "integer", "small": "integer", "single": "float", "kind": "category", "flag": "boolean",
        "text": "string", "at": "datetime", "empty": "string",
    }  # fmt: skip
    assert verify(pipeline.save(tmp_path)).largest_difference <= 1e-9
    without_nulls = frame.dropna(subset=["nullable", "flag", "text"]).astype({"nullable": "int64", "flag": bool})
    assert pipeline.predict(without_nulls).tolist() == pipeline.predict(frame).loc[without_nulls.index].tolist()
