"""Every node that acts at predict and every model is trained and served, in both forms: HTTP answers as the library."""

import io
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from harness import every_model, every_node
from harness.api import Api, Json
from harness.distributed import Distributed
from harness.form import NODE_FILES, Skyulf
from skyulf_core import CoreError, Kind, NodeRegistry, Pipeline
from skyulf_core.nodes.registry import NodeEntry
from skyulf_core.serving import load_plan
from skyulf_core.serving.ops import OPERATIONS, Ensemble, Op
from threadpoolctl import threadpool_limits

TOLERANCE = 1e-9
LEAVING_OUT = {"drop", "select"}
"""Operations that only leave columns out: their whole effect is that nothing reads those."""

ALONE = "FORM" in os.environ
SHARE = 4
"""Where the embedded form tries all of them, the distributed one tries one in so many; its long form tries them all."""

WITHOUT_JOBS = {"nearest_center", "local_outlier_factor", "detect"}
"""Operations of models without a target, which jobs refuse: no deployment can have them."""


@pytest.fixture(scope="session")
def configs() -> list[Json]:
    return [*every_node.pipelines(), *every_node.graphs()]


@pytest.fixture(scope="session")
def models() -> list[Json]:
    return every_model.pipelines()


def nodes_of(config: Mapping[str, Any]) -> set[str]:
    return {str(step["node"]) for step in config.get("steps", config.get("nodes", []))}


def test_the_pipelines_use_every_node_that_acts_at_predict(configs: list[Json]) -> None:
    used = set().union(*(nodes_of(config) for config in configs))
    wanted = {entry.name for entry in every_node.acting()}
    wanted |= {"Merge", "Join"}

    assert wanted - used == set()
    assert len(wanted) > 60
    assert not any(NodeRegistry.get(name).kind is Kind.SPLITTER for name in wanted)


def test_the_pipelines_use_every_model_that_learns_from_a_target(models: list[Json]) -> None:
    used = {name for config in models for name in every_model.names_in(config)}

    assert every_model.wanted() - used == set()
    assert len(every_model.wanted()) > 35


def test_the_pipelines_are_served_whole(configs: list[Json], models: list[Json], tmp_path: Path) -> None:
    """What no answer depends on is cut from a plan before it runs, and would be served without being tried."""
    run: set[str] = set()
    for index, config in enumerate([*configs, *models]):
        folder = fitted(config).save(tmp_path / str(index))
        written = [op["op"] for op in json.loads((folder / "plan.json").read_text())["ops"]]
        served = [op.op for op in load_plan(folder)._ops]
        assert Counter(written) - Counter(served) <= Counter(dict.fromkeys(LEAVING_OUT, 100)), nodes_of(config)
        run.update(with_members(load_plan(folder)._ops))

    assert run == set(OPERATIONS) - LEAVING_OUT - WITHOUT_JOBS


def test_every_node_makes_a_difference_to_what_is_answered(configs: list[Json]) -> None:
    asked = every_node.asked()
    for config in configs:
        if "nodes" in config:
            continue
        answers = numbers(fitted(config), asked)
        for step in own_steps(config):
            others = {**config, "steps": [other for other in config["steps"] if other is not step]}
            try:
                without = numbers(fitted(others), asked)
            except CoreError:
                continue
            same = without.shape == answers.shape and np.allclose(without, answers, rtol=0, atol=TOLERANCE)
            assert not same, step


@pytest.mark.timeout(900)
def test_http_answers_what_the_library_answers(skyulf: Skyulf, configs: list[Json]) -> None:
    check_served(skyulf, share(skyulf, configs))


@pytest.mark.timeout(900)
def test_http_answers_what_every_model_answers(skyulf: Skyulf, models: list[Json]) -> None:
    check_served(skyulf, share(skyulf, models))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(ALONE, reason="the tests above have tried all of them in this form")
def test_the_distributed_form_answers_what_the_library_answers(
    distributed: Distributed, configs: list[Json], models: list[Json]
) -> None:
    check_served(distributed, configs)
    check_served(distributed, models)


def share(skyulf: Skyulf, configs: list[Json]) -> list[Json]:
    """Return those that this form has to try: both forms run the same code, and each try is a job of seconds."""
    return configs if skyulf.form == "embedded" or ALONE else configs[::SHARE]


def check_served(skyulf: Skyulf, configs: list[Json]) -> None:
    """Train all of them at once, deploy each, and compare what is answered."""
    frame = every_node.training()
    with skyulf.project() as api:
        dataset, plans = uploaded(api, frame, "sample"), uploaded(api, every_node.reference(), "plans")
        further = [{"plans": {"dataset_id": plans["id"]}} if config.get("sources") else {} for config in configs]
        jobs = [
            submitted(api, f"every-{index}", as_jobs_see(skyulf, config), dataset, sources)
            for index, (config, sources) in enumerate(zip(configs, further, strict=True))
        ]
        for index, (config, job) in enumerate(zip(configs, jobs, strict=True)):
            ended = api.job(job["id"], seconds=600)
            assert ended["status"] == "succeeded", (nodes_of(config), ended["error"])
            name = f"every-{index}"
            found = api.deploy(name, name, api.version_of(ended)["version"])
            assert found["status"] == "ready", (nodes_of(config), found)
            with threadpool_limits(1):
                compare(api, name, fitted(config))
            if "Expect" in nodes_of(config):
                refused(api, name)


def as_jobs_see(skyulf: Skyulf, config: Json) -> Json:
    """The configuration with its files where jobs have them."""
    changed: Json = json.loads(json.dumps(config).replace(str(NODE_FILES), str(skyulf.node_files)))
    return changed


def with_members(ops: Iterable[Op]) -> Iterator[str]:
    """The names of operations, and of those that models inside of models are made of."""
    for op in ops:
        yield op.op
        for member in op.members if isinstance(op, Ensemble) else ():
            yield from with_members(member)


def uploaded(api: Api, frame: pl.DataFrame, name: str) -> Json:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    media_type = "application/vnd.apache.parquet"
    return api.ready_dataset(buffer.getvalue(), name=f"{name}.parquet", media_type=media_type)


def fitted(config: Json) -> Pipeline:
    return _fitted(json.dumps(config))


@cache  # several tests ask for the same ones, and each form
def _fitted(text: str) -> Pipeline:
    config = json.loads(text)
    frame = every_node.training()
    frames = {"rows": frame, "plans": every_node.reference()} if config.get("sources") else frame
    with threadpool_limits(1):
        return Pipeline.from_config(config).fit(frames)


def own_steps(config: Json) -> list[Json]:
    """The steps that are there for their node's sake and change values, in a way that no later step makes up for."""
    end = max(index for index, step in enumerate(config["steps"]) if step["node"] == every_node.TAIL)
    steps = [(step, NodeRegistry.get(step["node"])) for step in config["steps"][2:end]]
    return [step for step, node in steps if not made_up_for(node)]


def made_up_for(node: NodeEntry) -> bool:
    """Say whether the steps behind a node do its work without it: scaling, taking words apart, naming what is left."""
    others = {*every_node.LOOK_ONLY, "Tokenizer", "ValueReplacement"}  # two categories that swap names are told apart
    return node.family == "scaling" or node.name in others or every_node.leaves_columns_out(node)


def numbers(pipeline: Pipeline, asked: pl.DataFrame) -> np.ndarray:
    if pipeline.fitted.classes is not None:
        return pl.DataFrame(pipeline.predict_proba(asked)).to_numpy()
    return pl.Series(pipeline.predict(asked)).to_numpy()


def submitted(api: Api, name: str, config: Json, dataset: Json, sources: Json) -> Json:
    pipeline = api.ok("POST", "/pipelines", json={"name": name, "config": config, "register_as": name})
    body = {"dataset_id": dataset["id"], "sources": sources}
    return api.patient("POST", f"/pipelines/{pipeline['id']}/runs", json=body)


def compare(api: Api, name: str, library: Pipeline) -> None:
    asked = every_node.asked().drop(str(library.fitted.target), strict=False)
    rows = [{key: plain(value) for key, value in row.items()} for row in asked.iter_rows(named=True)]
    same(api.predict(name, rows), library, asked, name)
    for index in (0, 7):
        same(api.predict(name, rows[index : index + 1]), library, asked[index : index + 1], name)


def refused(api: Api, name: str) -> None:
    row = {key: plain(value) for key, value in every_node.asked().row(0, named=True).items()}
    answer = api.call("POST", f"/deployments/{name}/predict", json={"rows": [{**row, "number": -5000.0}]})
    assert answer.status_code == 422
    assert "number" in answer.text


def same(answer: Json, library: Pipeline, asked: pl.DataFrame, name: str) -> None:
    predicted = library.predict(asked).to_list()
    if answer.get("probabilities"):
        chances = pl.DataFrame(library.predict_proba(asked))
        served = [[row[label] for label in chances.columns] for row in answer["probabilities"]]
        np.testing.assert_allclose(served, chances.to_numpy(), rtol=0, atol=TOLERANCE, err_msg=name)
        assert answer["predictions"] == predicted, name
    elif library.fitted.classes is not None:
        assert answer["predictions"] == predicted, name
    else:
        np.testing.assert_allclose(answer["predictions"], predicted, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)


def plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date | datetime) else value
