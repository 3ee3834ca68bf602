"""Bundles: what goes in comes out, and nothing in a bundle is ever executed."""

import contextlib
import io
import json
import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from skyulf_core.bundle import GoldenMismatchError, read, serving_model, verify, write
from skyulf_core.bundle.writing import bundle_files
from skyulf_core.evaluation import evaluate_classification, evaluate_regression
from skyulf_core.fitted import FittedModel, FittedPipeline, FittedStep, Golden
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.schema import ColumnSchema, Schema
from skyulf_core.serving import PlanError, load_plan
from skyulf_core.serving.arrays import ArrayReader, ArrayWriter
from skyulf_core.serving.files import MemoryFiles

MODELS = {
    "logistic_regression": {"max_iter": 1000},
    "random_forest_classifier": {"n_estimators": 5, "random_state": 0},
    "hist_gradient_boosting_classifier": {"max_iter": 5},
    "ridge_regression": {},
    "hist_gradient_boosting_regressor": {"max_iter": 5},
}


def fitted_pipeline(node, *, classes=None):
    """Train a model on real data, behind a real imputer."""
    entry = NodeRegistry.get(node)
    load = load_diabetes if entry.calculator.task == "regression" else load_breast_cancer
    matrix, target = load(return_X_y=True)
    frame = pl.DataFrame({f"f{i}": matrix[:, i] for i in range(6)})
    imputer = NodeRegistry.get("SimpleImputer")
    imputing = imputer.config_model()
    learned = imputer.calculator.fit(frame, imputing)
    config = entry.config_model(**MODELS[node])
    params = entry.calculator.fit(imputer.applier.apply(frame, learned), target, config)
    predicted, proba = entry.applier.predict(frame, params), entry.applier.predict_proba(frame, params)
    regression = proba is None
    fitted = FittedPipeline(
        config={"steps": [], "model": {"node": node}},
        input_schema=Schema(ColumnSchema(name, "float", nullable=True) for name in frame.columns),
        steps=(FittedStep("0", "SimpleImputer", imputing.model_dump(mode="json"), learned),),
        model=FittedModel(node, config.model_dump(mode="json"), params, tuple(frame.columns)),
        task="regression" if regression else "classification",
        target="y",
        classes=None if regression else classes or (False, True),
        evaluation=evaluate_regression(target, predicted)
        if regression
        else evaluate_classification(target, predicted, proba, classes=classes or (False, True)),
    )
    rows = [*frame.head(4).to_dicts(), {**frame.row(5, named=True), "f1": None, "f3": None}]
    batch = serving_model(fitted).predict_rows(rows)
    return replace(fitted, golden=Golden(rows, batch.predictions, batch.probabilities))


@pytest.fixture(scope="module")
def boosted():
    return fitted_pipeline("hist_gradient_boosting_classifier")


@pytest.fixture
def bundle(boosted, tmp_path):
    write(boosted, tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.mark.parametrize("node", MODELS)
def test_what_is_written_is_read_back_the_same(node, tmp_path):
    fitted = fitted_pipeline(node)

    names = write(fitted, tmp_path)
    found = read(tmp_path)

    assert names == sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert same(found.model.params, fitted.model.params)
    assert same(found.steps[0].params, fitted.steps[0].params)
    assert replace(found, model=None, steps=()) == replace(fitted, model=None, steps=())
    assert found.model.features == fitted.model.features
    report = verify(tmp_path)
    assert (report.rows, report.largest_difference) == (5, 0.0)
    assert load_plan(tmp_path).predict_rows(fitted.golden.rows) == serving_model(fitted).predict_rows(
        fitted.golden.rows
    )


def same(left, right):
    return left.keys() == right.keys() and all(np.array_equal(left[key], right[key]) for key in left)


@pytest.mark.parametrize("classes", [(0, 1), ("no", "ünicode"), (False, True)])
def test_labels_of_any_type_survive(classes, tmp_path):
    write(fitted_pipeline("logistic_regression", classes=classes), tmp_path)

    assert read(tmp_path).classes == classes
    assert [type(label) for label in load_plan(tmp_path).classes] == [type(label) for label in classes]
    verify(tmp_path)


def test_the_plan_is_read_from_bytes_in_memory(boosted, bundle):
    files = {str(p.relative_to(bundle)): p.read_bytes() for p in bundle.rglob("*") if p.is_file()}

    assert load_plan(files).predict_rows(boosted.golden.rows).predictions == boosted.golden.predictions
    assert read(files).golden == boosted.golden


def test_arrays_of_the_model_are_stored_once(bundle):
    assert not (bundle / "plan.npy").exists()
    assert '"file": "estimator/model.npy"' in (bundle / "plan.json").read_text()


def test_a_bundle_replaces_an_older_bundle_and_nothing_else(boosted, bundle, tmp_path):
    write(fitted_pipeline("ridge_regression"), bundle)
    assert read(bundle).task == "regression"
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")

    with pytest.raises(FileExistsError, match="empty folder"):
        write(boosted, tmp_path / "thesis")

    assert os.listdir(tmp_path / "thesis") == ["chapter.txt"]


def test_a_pipeline_without_a_model_has_a_bundle_and_no_plan(boosted, tmp_path):
    write(replace(boosted, model=None, task=None, classes=None, golden=None, evaluation=None), tmp_path)

    assert read(tmp_path).model is None
    with pytest.raises(PlanError, match=r"plan\.json"):
        load_plan(tmp_path)


def edit(path, change):
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_verify_finds_an_answer_that_changed(bundle):
    edit(bundle / "golden.json", lambda golden: golden["probabilities"][2].update({"true": 0.5}))

    with pytest.raises(GoldenMismatchError, match="golden row 2"):
        verify(bundle)


def test_verify_finds_a_label_that_changed(bundle):
    edit(bundle / "golden.json", lambda golden: golden["predictions"].__setitem__(1, 0))

    with pytest.raises(GoldenMismatchError, match="golden row 1"):
        verify(bundle)


def test_verify_finds_a_changed_tree(bundle):
    data = np.load(bundle / "estimator/model.npy")
    refs = json.loads((bundle / "estimator/model.json").read_text())["params"]
    offset = refs["baseline"]["$array"]["offset"]
    data[offset : offset + 8] = np.frombuffer(np.float64(3).tobytes(), np.uint8)
    np.save(bundle / "estimator/model.npy", data)

    with pytest.raises(GoldenMismatchError):
        verify(bundle)


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("plan.json", lambda d: d.update(format="skyulf.plan/2"), "format"),
        ("plan.json", lambda d: d["ops"].insert(0, {"op": "python", "code": "1"}), "unknown operation"),
        ("plan.json", lambda d: d["ops"][0].update(extra=1), "unknown fields"),
        ("plan.json", lambda d: d["ops"][1]["feature"]["$array"].update(file="../../etc/passwd"), "leaves"),
        ("plan.json", lambda d: d["ops"][1]["feature"]["$array"].update(file="/etc/passwd"), "leaves"),
        ("plan.json", lambda d: d["ops"][1]["feature"]["$array"].update(dtype="|O"), "array reference"),
        ("plan.json", lambda d: d["ops"][1]["feature"]["$array"].update(dtype="|O8"), "array reference"),
        ("plan.json", lambda d: d["ops"][1]["feature"]["$array"].update(shape=[10**12]), "shorter"),
        ("plan.json", lambda d: d["ops"][1]["feature"]["$array"].update(offset=-8), "array reference"),
        ("plan.json", lambda d: d.update(task="ranking"), "task"),
        ("plan.json", lambda d: d["input_schema"][0].update(dtype="pickle"), "unknown type"),
    ],
)
def test_plans_that_are_not_plans_are_refused(bundle, file, change, message):
    edit(bundle / file, change)

    with pytest.raises(PlanError, match=message):
        load_plan(bundle)


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("graph.json", lambda d: d.update(format="skyulf.bundle/99"), "format"),
        ("graph.json", lambda d: d.update(steps=["../secret.json"]), "leaves"),
        ("graph.json", lambda d: d.update(model="nodes/absent.json"), "cannot be read"),
        ("graph.json", lambda d: d.pop("classes"), "broken"),
        ("schema.json", lambda d: d.update(format="other"), "format"),
        ("schema.json", lambda d: d["columns"][0].update(dtype="Evil"), "broken"),
        ("golden.json", lambda d: d.update(surprise=1), "broken"),
    ],
)
def test_bundles_that_are_not_bundles_are_refused(bundle, file, change, message):
    edit(bundle / file, change)

    with pytest.raises(PlanError, match=message):
        read(bundle)


ODD = [None, True, -1, 10**30, "x", [], {}, [[]], {"$array": 5}, {"$float": []}, {"$object": 3}, [10**12, 0], [1] * 80]


def places(value, path=()):
    """Yield the path of every part of a document (of long lists the first ones)."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, part in items:
        yield from places(part, (*path, key))


@pytest.mark.parametrize("name", ["plan.json", "golden.json", "graph.json", "schema.json", "estimator/model.json"])
def test_whatever_is_wrong_in_a_document_is_a_plan_error(boosted, name):
    files = bundle_files(boosted)
    for path in list(places(json.loads(files[name])))[1:]:
        for odd in ODD:
            document = json.loads(files[name])
            part = document
            for key in path[:-1]:
                part = part[key]
            part[path[-1]] = odd
            for use in (verify, read):
                with contextlib.suppress(PlanError):
                    use({**files, name: json.dumps(document).encode()})


def test_links_out_of_the_bundle_are_refused(bundle, tmp_path):
    outside = tmp_path / "outside.json"
    os.replace(bundle / "plan.json", outside)
    (bundle / "plan.json").symlink_to(outside)

    with pytest.raises(PlanError, match="leaves"):
        load_plan(bundle)


class Canary:
    """Unpickling this writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def poisons(path):
    pickled = pickle.dumps(Canary(path))
    objects, archive = io.BytesIO(), io.BytesIO()
    np.save(objects, np.array([Canary(path)], object), allow_pickle=True)
    np.savez(archive, np.array([Canary(path)], object))
    return {"pickle": pickled, "object array": objects.getvalue(), "archive": archive.getvalue()}


def test_the_canary_sings_when_it_is_unpickled(tmp_path):
    pickle.loads(poisons(tmp_path / "sang")["pickle"])

    assert (tmp_path / "sang").exists()


@pytest.mark.parametrize("kind", ["pickle", "object array", "archive"])
def test_nothing_in_any_file_of_a_bundle_is_ever_executed(boosted, tmp_path, kind):
    poison = poisons(tmp_path / "sang")[kind]
    for name in write(boosted, tmp_path / "bundle"):
        path = tmp_path / "bundle" / name
        clean = path.read_bytes()
        path.write_bytes(poison)
        for use in (load_plan, verify, read):
            try:
                use(tmp_path / "bundle")
            except PlanError:
                continue
        path.write_bytes(clean)

    assert not (tmp_path / "sang").exists()
    verify(tmp_path / "bundle")


def test_a_poisoned_file_that_is_needed_is_refused(bundle, tmp_path):
    for kind, poison in poisons(tmp_path / "sang").items():
        (bundle / "estimator/model.npy").write_bytes(poison)
        with pytest.raises(PlanError, match="array"):
            load_plan(bundle)
        assert not (tmp_path / "sang").exists(), kind


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6, dtype=np.int32).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([], np.float64),
        np.array(["a", "ümlaut"]),
        np.array([True, False]),
        np.array(["2024-01-01"], "datetime64[us]"),
        np.arange(3, dtype=">i4"),
    ],
)
def test_arrays_come_back_as_they_were(value):
    writer = ArrayWriter()
    document = json.loads(json.dumps(writer.encode({"deep": [{"a": value}], "$odd": float("inf")}, "x.npy")))

    found = ArrayReader(MemoryFiles(writer.files())).decode(document)

    assert np.array_equal(found["deep"][0]["a"], value)
    assert found["$odd"] == float("inf")


@pytest.mark.parametrize("value", [np.array([object()]), object(), {1: 2}, np.array([1j]), b"bytes"])
def test_what_is_not_data_is_not_written(value):
    with pytest.raises(TypeError):
        ArrayWriter().encode([value], "x.npy")


def test_params_refuse_live_objects():
    with pytest.raises(TypeError):
        Params(model=load_iris)
