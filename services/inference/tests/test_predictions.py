import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import numpy as np
import pytest
from harness.promises import Figures
from skyulf_core.serving import load_plan
from skyulf_events import ModelUndeployed
from skyulf_inference.persistence.tables import metadata
from skyulf_service.database.migrations import differences

PREDICT = "/api/v1/deployments/flights/predict"


@pytest.fixture
async def serving(publish, deploy, announced, bundle):
    event = await deploy(await publish(bundle))
    assert await announced(1) == ["ready"]
    return event


async def test_one_row_and_many_equal_the_library(inference, serving, bundle, frame):
    plan = load_plan(bundle)
    rows = frame.drop("y").to_dicts()

    one = (await inference.client.post(PREDICT, json={"row": rows[3]})).json()
    many = (await inference.client.post(PREDICT, json={"rows": rows})).json()

    expected = plan.predict_rows(rows)
    assert many["predictions"] == expected.predictions
    assert one["predictions"] == [expected.predictions[3]]
    assert [row["late"] for row in many["probabilities"]] == pytest.approx(
        [row["late"] for row in expected.probabilities], abs=1e-12
    )
    assert (one["model"], one["model_version"], one["deployment_revision"]) == ("flights", 1, 1)
    assert one["request_id"]


async def test_ten_thousand_rows_work_and_one_more_is_too_many(inference, serving, frame):
    rows = (frame.drop("y").to_dicts() * 26)[:10_000]

    answer = await inference.client.post(PREDICT, json={"rows": rows})
    refused = await inference.client.post(PREDICT, json={"rows": [*rows, rows[0]]})

    assert len(answer.json()["predictions"]) == 10_000
    assert refused.status_code == 413
    assert "10001" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("row", "pointer", "code"),
    [
        ({"b": "x"}, "/rows/1/a", "missing"),
        ({"a": "text", "b": "x"}, "/rows/1/a", "wrong_type"),
        ({"a": True, "b": "x"}, "/rows/1/a", "wrong_type"),
        ({"a": 1.0, "b": 3}, "/rows/1/b", "wrong_type"),
        ({"a": 1.0, "b": "x", "c": 1}, "/rows/1/c", "unknown_field"),
        ({"a": [1], "b": "x"}, "/rows/1/a", "wrong_type"),
    ],
)
async def test_a_bad_row_is_named_with_its_field(inference, serving, row, pointer, code):
    answer = await inference.client.post(PREDICT, json={"rows": [{"a": 1.0, "b": "x"}, row]})

    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/rows-refused"
    assert {"pointer": pointer, "code": code}.items() <= answer.json()["errors"][0].items()


@pytest.mark.parametrize("body", ['{"rows": [{"a": NaN, "b": "x"}]}', '{"rows": []}', "{}", "[]", "nonsense", "null"])
async def test_a_bad_body_is_refused(inference, serving, body):
    answer = await inference.client.post(PREDICT, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_key_order_nulls_and_unseen_categories_are_fine(inference, serving):
    rows = [{"b": "x", "a": 1.5}, {"a": 1.5, "b": "x"}, {"a": None, "b": "never seen"}]

    answer = await inference.client.post(PREDICT, json={"rows": rows})

    first, second, third = answer.json()["probabilities"]
    assert first == second
    assert np.isfinite(third["late"])


async def test_other_projects_and_keys_without_the_permission_get_nothing(inference, serving):
    stranger = await inference.client.post(PREDICT, json={"row": {}}, headers=inference.headers(uuid4()))
    reader = inference.headers(inference.project, "models:read")
    refused = await inference.client.post(PREDICT, json={"row": {}}, headers=reader)

    assert (stranger.status_code, refused.status_code) == (404, 403)


async def test_stopped_means_gone_and_late_wishes_do_not_bring_it_back(inference, serving):
    stop = ModelUndeployed(
        event_id=uuid4(), project_id=inference.project, aggregate_version=9, occurred_at=datetime.now(UTC),
        deployment_id=serving.deployment_id, name="flights", revision=3,
    )  # fmt: skip

    await inference.deliver(stop)
    await inference.deliver(serving.model_copy(update={"event_id": uuid4()}))

    async with asyncio.timeout(5):
        while (await inference.client.post(PREDICT, json={"row": {"a": 1.0, "b": "x"}})).status_code != 404:
            await asyncio.sleep(0.02)


@pytest.mark.promise("R12")
async def test_every_answer_belongs_to_the_version_that_it_names_while_models_are_swapped(
    inference, deploy, publish, opposites, announced, figures: Figures
):
    artifacts = [await publish(files) for files in opposites]
    await deploy(artifacts[0], revision=1, version=1)
    await announced(1)
    expected = {1: "late", 2: "on time"}
    seen: list[int] = []
    failures: list[str] = []
    running = True

    async def load() -> None:
        while running:
            answer = await inference.client.post(PREDICT, json={"row": {"a": 1.0, "b": "x"}})
            body = answer.json()
            if answer.status_code != 200:
                failures.append(answer.text)
                continue
            seen.append(body["model_version"])
            if body["predictions"] != [expected[body["model_version"]]]:
                failures.append(answer.text)
            await asyncio.sleep(0)

    loads = [asyncio.create_task(load()) for _ in range(4)]
    try:
        for revision in range(2, 12):
            version = 1 + (revision - 1) % 2
            await deploy(artifacts[version - 1], revision=revision, version=version)
            await announced(revision)
    finally:  # who goes on asking would keep the loop, and with it all tests that follow
        running = False
        await asyncio.gather(*loads)

    assert failures == []
    assert set(seen) == {1, 2}
    figures(f"10 swaps in one replica, {len(seen)} answers, 0 of another version")


async def test_migrations_make_the_declared_tables(inference):
    assert await differences(inference.parts.database, metadata) == []
