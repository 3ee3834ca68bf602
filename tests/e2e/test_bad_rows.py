"""Rows that a model cannot take: the answer names row and field, and the deployment goes on."""

import json
from collections.abc import Iterator

import pytest
from harness import configs
from harness.api import Api
from harness.form import Skyulf
from harness.refusals import pointers, refused

GOOD = {"x": 3, "y": 4.0}
ROWS = {
    "missing-field": ([GOOD, {"x": 3}], "/rows/1/y", "missing"),
    "wrong-type": ([GOOD, {"x": "three", "y": 4}], "/rows/1/x", "whole number"),
    "a-list": ([{"x": [3], "y": 4}], "/rows/0/x", ""),
    "null-without-rule": ([{"x": None, "y": 4}], "/rows/0/x", "null"),
    "unknown-field": ([{**GOOD, "z": 1}], "/rows/0/z", ""),
    "no-object": ([GOOD, 5], "/rows/1", "object"),
    "fraction-for-integer": ([{"x": 3.5, "y": 4}], "/rows/0/x", ""),
}
BODIES = {
    "no-rows": {"rows": []},
    "no-list": {"rows": GOOD},
    "both": {"rows": [GOOD], "row": GOOD},
    "neither": {},
    "a-list": [GOOD],
    "further-field": {"rows": [GOOD], "raws": 1},
}


@pytest.fixture(scope="module")
def api(skyulf: Skyulf) -> Iterator[Api]:
    """A project in which a small model is served; it answers before and after."""
    with skyulf.project() as project:
        dataset = project.ready_dataset(configs.tiny_data())
        project.train(configs.tiny(), dataset["id"], register_as="small")
        assert project.deploy("small", "small", 1)["status"] == "ready"
        before = project.predict("small", [GOOD])
        yield project
        after = project.predict("small", [GOOD])
    assert after["probabilities"] == before["probabilities"]


@pytest.mark.parametrize(("rows", "pointer", "words"), ROWS.values(), ids=ROWS)
def test_a_row_is_refused_by_row_and_field(api: Api, rows: list[object], pointer: str, words: str) -> None:
    for filling in ([], [GOOD] * 200):  # few rows and many go different ways
        body = {"rows": [*rows, *filling]}
        problem = refused(api.call("POST", "/deployments/small/predict", json=body), 422, words)
        assert pointers(problem) == {pointer}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_of_another_shape_is_refused(api: Api, body: object) -> None:
    refused(api.call("POST", "/deployments/small/predict", json=body), 422, "rows")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 30, "9" * 5000])
def test_numbers_that_are_none_are_refused(api: Api, number: str) -> None:
    body = json.dumps({"rows": [{"x": 1, "y": 2}, GOOD]}).replace("4.0", number)
    headers = {"Content-Type": "application/json"}
    problem = refused(api.call("POST", "/deployments/small/predict", content=body, headers=headers), 422)
    assert pointers(problem) == {"/rows/1/y"}


def test_too_many_rows_are_refused_and_as_many_as_allowed_are_not(api: Api) -> None:
    many = {"rows": [GOOD] * 10_001}
    refused(api.call("POST", "/deployments/small/predict", json=many), 413, "10000")
    assert len(api.predict("small", [GOOD] * 10_000)["predictions"]) == 10_000


def test_too_deep_and_too_broad_bodies_are_refused(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    deep = b'{"rows": ' + b"[" * 100_000
    refused(api.call("POST", "/deployments/small/predict", content=deep, headers=headers), 422)
    broad = json.dumps({"row": {f"f{number}": 1 for number in range(50_000)}}).encode()
    refused(api.call("POST", "/deployments/small/predict", content=broad, headers=headers), 422)


def test_unknown_deployments_and_names_are_refused(api: Api) -> None:
    body = {"row": GOOD}
    refused(api.call("POST", "/deployments/nothing/predict", json=body), 404, "nothing")
    refused(api.call("POST", "/deployments/NOT-A-SLUG/predict", json=body), 404, "NOT-A-SLUG")
    refused(api.call("POST", "/deployments/..%2Fsmall/predict", json=body), 404)
    refused(api.call("POST", "/deployments", json={"name": "small", "model": "nothing"}), 404, "nothing")
    refused(api.call("POST", "/deployments", json={"name": "small", "model": "small", "version": 9}), 404, "9")
    refused(api.call("POST", "/deployments", json={"name": "small", "model": "small", "alias": "no"}), 422, "no")
    refused(api.call("POST", "/deployments", json={"name": "small", "model": "small", "version": 1}), 409, "small")
