"""From a file of flights to a served model, over HTTP, in both forms."""

import importlib.util
import io
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest
from harness import configs, flights, library
from harness.api import Json
from harness.told import Told
from threadpoolctl import threadpool_limits

NAMES = ["logistic", "boosted"]
CONFIGS = {"logistic": configs.logistic, "boosted": configs.boosted}


def test_the_profile_says_what_is_in_the_file(told: Told) -> None:
    frame = pl.read_csv(io.BytesIO(told.data))
    profile = told.api.ok("GET", f"/datasets/{told.dataset['id']}/profile")
    columns = {column["name"]: column for column in profile["columns"]}

    assert told.dataset["rows"] == profile["rows"] == frame.height
    assert list(columns) == frame.columns
    assert {name: column["nulls"] for name, column in columns.items()} == {c.name: c.null_count() for c in frame}
    assert {name: column["distinct"] for name, column in columns.items()} == {
        c.name: c.drop_nulls().n_unique() for c in frame
    }
    assert columns["air_time"]["nulls"] > 0
    for name in flights.NUMBERS:
        assert columns[name]["mean"] == pytest.approx(frame[name].mean(), rel=1e-12)
        assert columns[name]["max"] == frame[name].max()
    schema = told.api.ok("GET", f"/datasets/{told.dataset['id']}/schema")["columns"]
    assert {c["name"]: c["type"] for c in schema} == {
        c.name: "integer" if c.dtype.is_integer() else "string" for c in frame
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_job_says_how_it_went(told: Told, name: str) -> None:
    job = told.jobs[name]
    evaluation = told.api.ok("GET", f"/jobs/{job['id']}/evaluation")

    assert job["progress"] == 1.0
    assert job["classes"] == ["late", "on time"]
    assert evaluation["rows"] == 1000
    assert 0.7 < evaluation["metrics"]["roc_auc"] <= 1
    assert evaluation["metrics"] == job["metrics"] == told.versions[name]["metrics"]


@pytest.mark.parametrize("name", NAMES)
def test_a_version_knows_where_it_comes_from(told: Told, name: str) -> None:
    version, job, pipeline = told.versions[name], told.jobs[name], told.pipelines[name]

    assert version["lineage"] == {
        "job_id": job["id"],
        "pipeline_id": pipeline["id"],
        "pipeline_version": 1,
        "pipeline_name": pipeline["name"],
        "dataset_id": told.dataset["id"],
        "dataset_version": 1,
        "sources": {},
    }
    assert version["digest"] == job["digest"]
    assert told.deployments[name]["serving"] == {"model": f"late-{name}", "version": 1}


def test_what_is_learned_is_learned_from_training_rows_alone(told: Told, plain_sklearn: ModuleType) -> None:
    files = told.skyulf.objects.bundle(told.versions["logistic"]["digest"])
    imputer = next(json.loads(data) for path, data in files.items() if path.endswith("SimpleImputer.json"))
    learned = dict(zip(imputer["params"]["columns"], imputer["params"]["values"], strict=True))

    assert learned == pytest.approx(plain_sklearn.mean_of_training(told.data), rel=1e-12)
    everything = pl.read_csv(io.BytesIO(told.data))
    assert all(abs(learned[name] - everything[name].mean()) > 1e-6 for name in flights.WITH_NULLS)


@pytest.mark.parametrize("name", NAMES)
def test_the_batch_the_library_and_plain_scikit_learn_agree(
    told: Told, name: str, plain_sklearn: ModuleType, tmp_path: Path
) -> None:
    batch = told.api.predict(name, told.rows)
    write = {"logistic": plain_sklearn.logistic_regression, "boosted": plain_sklearn.boosted_trees}[name]
    threads = told.skyulf.job_threads
    probable, predicted = library.trained(tmp_path, CONFIGS[name](), told.data, told.asked, threads)
    with threadpool_limits(1):  # threads that wait for each other on a busy machine take minutes
        plain = write(told.data, told.rows)

    served = probabilities(batch)
    assert served.shape == (1000, 2)
    np.testing.assert_array_equal(served, probable.to_numpy())
    np.testing.assert_allclose(served, plain, rtol=0, atol=signed_tolerance(told, name))
    assert batch["predictions"] == predicted.to_list()


def test_what_is_asked_is_not_in_the_training_file(told: Told) -> None:
    trained = pl.read_csv(io.BytesIO(told.data), schema=told.asked.schema)

    assert trained.equals(flights.training())
    assert told.asked.height == flights.without(told.asked, trained).height == 1000
    assert told.asked["carrier"].is_in(flights.UNSEEN).sum() == 100
    assert told.asked["air_time"].null_count() >= 100


@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", NAMES)
def test_rows_one_by_one_get_the_answers_of_the_batch(told: Told, name: str, count: int) -> None:
    rows = told.rows[:count]
    batch = told.api.predict(name, rows)

    for index, row in enumerate(rows):
        answer = told.api.ok("POST", f"/deployments/{name}/predict", json={"row": row})
        assert answer["predictions"] == [batch["predictions"][index]]
        assert answer["probabilities"] == [batch["probabilities"][index]]
        assert (answer["model"], answer["model_version"]) == (f"late-{name}", 1)


def test_a_repeated_run_with_one_key_is_one_run(told: Told) -> None:
    path = f"/pipelines/{told.pipelines['logistic']['id']}/runs"
    body = {"dataset_id": told.dataset["id"]}
    answers = [told.api.call("POST", path, json=body, headers={"Idempotency-Key": "twice"}) for _ in range(3)]
    other = told.api.call("POST", path, json={**body, "priority": 1}, headers={"Idempotency-Key": "twice"})

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert other.status_code == 422
    told.api.call("POST", f"/jobs/{answers[0].json()['id']}/cancel")


def signed_tolerance(told: Told, name: str) -> float:
    """How far the deployed bundle's answers may be from those of training, as its signed manifest says."""
    manifest = told.skyulf.objects.manifest(told.versions[name]["digest"])
    tolerance: float = manifest["golden"]["tolerance"]
    assert 0 <= tolerance <= 1e-9
    return tolerance


def probabilities(answer: Json) -> np.ndarray:
    return np.array([[row["late"], row["on time"]] for row in answer["probabilities"]])


@pytest.fixture(scope="module")
def plain_sklearn() -> ModuleType:
    """The independent script; it is loaded by its path, since it belongs to nothing."""
    path = Path(__file__).with_name("plain_sklearn.py")
    assert "skyulf" not in path.read_text().lower().replace("without skyulf", "")
    spec = importlib.util.spec_from_file_location("plain_sklearn", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
