import asyncio
import json
from time import perf_counter

import polars as pl
import pytest

EXPLAIN = "/api/v1/deployments/flights/explain"
PREDICT = "/api/v1/deployments/flights/predict"
SURE = {"conformal": {"coverage": 0.9}, "calibration": {"method": "sigmoid"}}


@pytest.fixture(scope="session")
def fitted(fit):
    return fit()


@pytest.fixture
async def serving(publish, deploy, announced, fitted, saved):
    await deploy(await publish(saved(fitted)))
    assert await announced(1) == ["ready"]


async def test_an_explanation_is_that_of_the_library_and_says_a_sentence(inference, serving, fitted, frame):
    rows = frame.drop("y")[[3, 10]]

    answer = await inference.client.post(EXPLAIN, json={"rows": rows.to_dicts()})
    single = await inference.client.post(EXPLAIN, json={"row": rows.to_dicts()[1]})

    assert answer.status_code == 200
    found, expected = answer.json(), fitted.explain(rows)
    assert (found["method"], found["per"], found["unit"], found["background"]) == ("linear", "column", "log-odds", 100)
    for row, wanted, sentence in zip(found["explanations"], expected.rows, expected.sentences(), strict=True):
        assert (row["answer"], row["sentence"]) == (wanted.answer, sentence)
        assert (row["base"], row["score"]) == pytest.approx((wanted.base, wanted.score), abs=1e-9)
        assert row["probability"] == pytest.approx(wanted.probability, abs=1e-9)
        amounts = {each.name: each.amount for each in wanted.contributions}
        assert {each["name"]: each["amount"] for each in row["contributions"]} == pytest.approx(amounts, abs=1e-9)
    assert (found["deployment"], found["model"], found["model_version"]) == ("flights", "flights", 1)
    assert found["request_id"]
    assert single.json()["explanations"][0]["sentence"] == found["explanations"][1]["sentence"]


async def test_the_answer_explained_is_the_one_predicted(inference, serving, frame):
    rows = frame.drop("y")[:20].to_dicts()

    predicted = (await inference.client.post(PREDICT, json={"rows": rows})).json()
    explained = (await inference.client.post(EXPLAIN, json={"rows": rows})).json()

    assert [row["answer"] for row in explained["explanations"]] == predicted["predictions"]
    for row, shares in zip(explained["explanations"], predicted["probabilities"], strict=True):
        assert row["probability"] == pytest.approx(shares[row["answer"]], abs=1e-12)


async def test_bad_rows_too_many_rows_and_bad_bodies_are_refused_as_predictions_are(inference, serving):
    row = {"a": 1.0, "b": "x"}

    refused = await inference.client.post(EXPLAIN, json={"rows": [row, {"a": "text", "b": "x"}]})
    many = await inference.client.post(EXPLAIN, json={"rows": [row] * 101})
    shapes = [await inference.client.post(EXPLAIN, json=body) for body in ({}, {"rows": []}, {"row": row, "x": 1})]
    unknown = await inference.client.post(EXPLAIN.replace("flights", "nothing"), json={"row": row})
    reader = inference.headers(inference.project, "models:read")
    forbidden = await inference.client.post(EXPLAIN, json={"row": row}, headers=reader)

    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/rows-refused")
    assert refused.json()["errors"][0]["pointer"] == "/rows/1/a"
    assert (many.status_code, many.json()["type"]) == (413, "/problems/too-many-rows")
    assert [answer.status_code for answer in shapes] == [422, 422, 422]
    assert (unknown.status_code, forbidden.status_code) == (404, 403)


async def test_intervals_are_said_where_they_are_asked_for(inference, publish, deploy, announced, frame, fit, saved):
    classes = fit(validation=SURE)
    doubled = frame.with_columns(y=pl.col("a").fill_null(0.0) * 2 + 1)
    numbers = fit(doubled, model={"node": "ridge_regression"}, validation={"conformal": {"coverage": 0.8}})
    rows = frame.drop("y")[:40].to_dicts()
    await deploy(await publish(saved(classes)))
    await announced(1)

    plain = (await inference.client.post(PREDICT, json={"rows": rows})).json()
    sets = (await inference.client.post(PREDICT, json={"rows": rows, "intervals": True})).json()
    wrong = await inference.client.post(PREDICT, json={"rows": rows, "intervals": "yes"})
    await deploy(await publish(saved(numbers)), revision=2)
    await announced(2)
    found = (await inference.client.post(PREDICT, json={"row": rows[0], "intervals": True})).json()

    assert "sets" not in plain
    assert (sets["intervals"], sets["coverage"]) == (None, 0.9)
    expected = classes.predict_set(frame[:40])
    assert sets["sets"] == [[name for name in expected.columns if row[name]] for row in expected.to_dicts()]
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/intervals")
    interval = numbers.predict_interval(frame[:1]).row(0)
    assert found["intervals"][0] == pytest.approx(interval, abs=1e-9)
    assert (found["sets"], found["coverage"]) == (None, 0.8)


async def test_a_model_without_intervals_says_so(inference, serving):
    answer = await inference.client.post(PREDICT, json={"row": {"a": 1.0, "b": "x"}, "intervals": True})

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/no-intervals")
    assert "validation.conformal" in answer.json()["detail"]


async def test_predictions_go_on_while_much_is_explained(inference, publish, deploy, announced, frame, fit, saved):
    await deploy(await publish(saved(fit(model={"node": "k_neighbors_classifier"}))))
    await announced(1)
    rows = frame.drop("y")[:20].to_dicts()

    explaining = [asyncio.create_task(inference.client.post(EXPLAIN, json={"rows": rows})) for _ in range(3)]
    took = []
    while not all(task.done() for task in explaining):
        began = perf_counter()
        assert (await inference.client.post(PREDICT, json={"row": rows[0]})).status_code == 200
        took.append(perf_counter() - began)
        await asyncio.sleep(0.005)

    answers = [(await task).json() for task in explaining]
    assert all(answer["method"] == "enumerated" for answer in answers)
    assert answers[0]["explanations"] == answers[1]["explanations"]
    assert len(took) > 3
    assert sorted(took)[len(took) // 2] < 0.25


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x80\x04.", b"{}", b"[" * 200_000,
        json.dumps({"format": "skyulf.background/1", "rows": [{"a": "text", "b": "x"}]}).encode(),
        json.dumps({"format": "skyulf.background/1", "rows": [{"a": 1.0, "b": "x"}] * 5_000}).encode(),
        json.dumps({"format": "skyulf.background/1", "rows": [{"a": 1.0, "b": "x" * (3 << 20)}]}).encode(),
    ],
)  # fmt: skip
async def test_a_bundle_with_a_damaged_background_is_not_loaded(inference, publish, deploy, announced, bundle, data):
    await deploy(await publish({**bundle, "background.json": data}))

    assert await announced(1) == ["failed"]
    found = (await inference.client.get("/api/v1/deployments/flights/replicas")).json()["items"][0]
    assert found["error_code"] == "artifact-unreadable"
    assert "background" in found["error_message"]


async def test_a_bundle_of_before_backgrounds_is_explained_by_its_golden_rows(
    inference, publish, deploy, announced, bundle
):
    await deploy(await publish({name: data for name, data in bundle.items() if name != "background.json"}))
    await announced(1)

    answer = await inference.client.post(EXPLAIN, json={"row": {"a": 1.0, "b": "x"}})

    assert answer.json()["background"] == len(json.loads(bundle["golden.json"])["rows"])
