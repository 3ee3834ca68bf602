"""Every node that acts at predict is trained and served, in both forms, and HTTP answers what the library answers."""

import io
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from harness import every_node
from harness.api import Api, Json
from harness.form import Skyulf
from skyulf_core import Kind, NodeRegistry, Pipeline
from threadpoolctl import threadpool_limits

TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def configs() -> list[Json]:
    return [*every_node.pipelines(), *every_node.graphs()]


def nodes_of(config: Mapping[str, Any]) -> set[str]:
    return {str(step["node"]) for step in config.get("steps", config.get("nodes", []))}


def test_the_pipelines_use_every_node_that_acts_at_predict(configs: list[Json]) -> None:
    used = set().union(*(nodes_of(config) for config in configs))
    wanted = {entry.name for entry in every_node.acting()}
    wanted |= {"Merge", "Join"}

    assert wanted - used == set()
    assert len(wanted) > 60
    assert not any(NodeRegistry.get(name).kind is Kind.SPLITTER for name in wanted)


def test_http_answers_what_the_library_answers(skyulf: Skyulf, configs: list[Json]) -> None:
    frame = every_node.training()
    with skyulf.project() as api:
        dataset, plans = uploaded(api, frame, "sample"), uploaded(api, every_node.reference(), "plans")
        further = [{"plans": {"dataset_id": plans["id"]}} if config.get("sources") else {} for config in configs]
        jobs = [
            submitted(api, f"every-{index}", config, dataset, sources)
            for index, (config, sources) in enumerate(zip(configs, further, strict=True))
        ]
        for index, (config, job) in enumerate(zip(configs, jobs, strict=True)):
            ended = api.job(job["id"])
            assert ended["status"] == "succeeded", (nodes_of(config), ended["error"])
            name = f"every-{index}"
            found = api.deploy(name, name, api.version_of(ended)["version"])
            assert found["status"] == "ready", (nodes_of(config), found)
            with threadpool_limits(1):
                frames = {"rows": frame, "plans": every_node.reference()} if config.get("sources") else frame
                compare(api, name, Pipeline.from_config(config).fit(frames))


def uploaded(api: Api, frame: pl.DataFrame, name: str) -> Json:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    media_type = "application/vnd.apache.parquet"
    return api.ready_dataset(buffer.getvalue(), name=f"{name}.parquet", media_type=media_type)


def submitted(api: Api, name: str, config: Json, dataset: Json, sources: Json) -> Json:
    pipeline = api.ok("POST", "/pipelines", json={"name": name, "config": config, "register_as": name})
    body = {"dataset_id": dataset["id"], "sources": sources}
    return api.patient("POST", f"/pipelines/{pipeline['id']}/runs", json=body)


def compare(api: Api, name: str, library: Pipeline) -> None:
    asked = every_node.asked()
    rows = [{key: plain(value) for key, value in row.items()} for row in asked.iter_rows(named=True)]
    same(api.predict(name, rows), library, asked, name)
    for index in (0, 7):
        same(api.predict(name, rows[index : index + 1]), library, asked[index : index + 1], name)


def same(answer: Json, library: Pipeline, asked: pl.DataFrame, name: str) -> None:
    predicted = library.predict(asked).to_list()
    if answer.get("probabilities"):
        chances = pl.DataFrame(library.predict_proba(asked))
        served = [[row[label] for label in chances.columns] for row in answer["probabilities"]]
        np.testing.assert_allclose(served, chances.to_numpy(), rtol=0, atol=TOLERANCE, err_msg=name)
        assert answer["predictions"] == predicted, name
    else:
        np.testing.assert_allclose(answer["predictions"], predicted, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)


def plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date | datetime) else value
