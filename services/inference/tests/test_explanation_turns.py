"""Many explanations at a time: nobody waits long, no work is thrown away, none is done for who has left."""

import asyncio
from time import perf_counter, thread_time
from uuid import uuid4

import numpy as np
import polars as pl
import pytest
from skyulf_core.serving.explaining import load_explainer
from skyulf_core.serving.plan import load_plan
from skyulf_inference.domain.errors import ExplanationsBusyError, ExplanationTooMuchError
from skyulf_inference.runtime.models import Live, LoadedModel
from skyulf_inference.service.explain import Explainers
from skyulf_inference.settings import InferenceSettings

COLUMNS = 60
PATIENCE = 3.0
"""Seconds that a machine with other work may take longer; all that the crowd below asks for takes many more."""
SPLIT = [{"node": "TrainTestSplit", "config": {"target": "y", "random_state": 1}}]


@pytest.fixture(scope="module")
def wide() -> pl.DataFrame:
    random = np.random.default_rng(3)
    values = random.normal(size=(600, COLUMNS))
    late = values[:, :5].sum(axis=1) + random.normal(size=600) > 0
    return pl.DataFrame({f"c{place}": values[:, place] for place in range(COLUMNS)}).with_columns(y=pl.Series(late))


@pytest.fixture(scope="module")
def slow(fit, saved, wide):
    """A model whose rows take long: it is asked from outside about 6,100 mixed rows for each."""
    return live_of(saved(fit(wide, model={"node": "svc"}, steps=SPLIT)), "slow")


@pytest.fixture(scope="module")
def quick(bundle):
    return live_of(bundle, "quick")


def live_of(files: dict[str, bytes], name: str) -> Live:
    plan = load_plan(files)
    loaded = LoadedModel("0" * 64, "", plan, load_explainer(plan, files))
    return Live(uuid4(), name, 1, name, 1, loaded)


@pytest.fixture(scope="module")
def rows(wide):
    return wide.drop("y")[:100].to_dicts()


def explainers(**settings: object) -> Explainers:
    return Explainers(InferenceSettings(**settings))  # type: ignore[arg-type]


async def timed(work):
    began = perf_counter()
    try:
        return await work, perf_counter() - began
    except (ExplanationsBusyError, ExplanationTooMuchError) as error:
        return error, perf_counter() - began


@pytest.fixture(scope="module")
async def row_seconds(slow, rows) -> float:
    """How long a row takes here, at its quickest, without what is prepared for all."""
    alone, took = explainers(), []
    for _ in range(3):
        one, eleven = [(await timed(alone.explain(uuid4(), slow, rows[:n], single=False)))[1] for n in (1, 11)]
        took.append((eleven - one) / 10)
    return min(took)


@pytest.fixture(scope="module")
def row_work(slow, rows) -> float:
    """The same in seconds of the thread, whatever else the machine does."""
    explain, took = slow.loaded.explainer.explain, []
    for count in (1, 11) * 3:
        began = thread_time()
        explain(rows[:count])
        took.append(thread_time() - began)
    return (min(took[1::2]) - min(took[::2])) / 10


async def test_many_large_requests_are_told_to_come_back_and_a_small_one_of_another_is_answered(
    slow, quick, rows, row_seconds, row_work
):
    crowd = explainers(explain_seconds=40 * row_work, explain_wait_seconds=0.5)
    project = uuid4()

    load = [asyncio.create_task(timed(crowd.explain(project, slow, rows[:20], single=False))) for _ in range(24)]
    await asyncio.sleep(2 * row_seconds)
    small = [
        await timed(crowd.explain(who, model, [row], single=True))
        for who, model, row in ((project, quick, {"a": 1.0, "b": "x"}), (uuid4(), slow, rows[0]))
    ]
    answers = await asyncio.gather(*load)
    began = perf_counter()
    after, _ = await timed(crowd.explain(uuid4(), quick, [{"a": 1.0, "b": "x"}], single=True))

    assert [len(found) for found, _ in small] == [1, 1]
    assert max(took for _, took in small) < PATIENCE + 10 * row_seconds
    answered = [took for found, took in answers if not isinstance(found, Exception)]
    refused = [(found, took) for found, took in answers if isinstance(found, Exception)]
    assert answered
    assert refused
    assert all(isinstance(error, ExplanationsBusyError) and error.retry_after >= 1 for error, _ in refused)
    assert max(took for _, took in refused) < PATIENCE + 4 * row_seconds
    assert len(after) == 1
    assert perf_counter() - began < PATIENCE + 2 * row_seconds


async def test_more_than_a_request_may_ask_for_is_refused_after_its_first_rows(slow, rows, row_seconds, row_work):
    alone = explainers(explain_seconds=10.5 * row_work)

    refused, took = await timed(alone.explain(uuid4(), slow, rows, single=False))
    again, _ = await timed(alone.explain(uuid4(), slow, rows, single=False))

    assert isinstance(refused, ExplanationTooMuchError)
    assert took < 6 * row_seconds + PATIENCE
    assert isinstance(again, ExplanationTooMuchError)
    fits = int(again.detail.rsplit(" ", 1)[1].rstrip("."))
    assert 4 <= fits <= 20
    found, _ = await timed(alone.explain(uuid4(), slow, rows[: fits // 2], single=False))
    assert len(found) == fits // 2


async def test_a_model_whose_one_row_takes_too_long_is_refused_early(slow, rows):
    strict = explainers(explain_seconds=0.001)

    refused, _ = await timed(strict.explain(uuid4(), slow, rows[:5], single=False))

    assert isinstance(refused, ExplanationTooMuchError)
    assert "too large to be explained" in refused.detail


async def test_work_for_who_has_left_is_stopped(slow, rows, row_seconds):
    crowd = explainers(explain_seconds=1_000.0, max_explained_rows=100)

    leaving = [asyncio.create_task(crowd.explain(uuid4(), slow, rows, single=False)) for _ in range(4)]
    await asyncio.sleep(3 * row_seconds)
    for task in leaving:
        task.cancel()
    found, took = await timed(crowd.explain(uuid4(), slow, rows[:1], single=True))

    assert len(found) == 1
    assert took < 6 * row_seconds + PATIENCE


async def test_a_place_is_made_for_another_project_where_one_holds_them_all(slow, rows, row_seconds):
    crowd = explainers(max_explanations=4, explain_seconds=1.5 * row_seconds + 60, explain_wait_seconds=30)
    greedy = uuid4()

    load = [asyncio.create_task(timed(crowd.explain(greedy, slow, rows[:8], single=False))) for _ in range(4)]
    await asyncio.sleep(row_seconds / 2)
    refused, _ = await timed(crowd.explain(greedy, slow, rows[:1], single=True))
    other, _ = await timed(crowd.explain(uuid4(), slow, rows[:1], single=True))
    answers = [found for found, _ in await asyncio.gather(*load)]

    assert isinstance(refused, ExplanationsBusyError)
    assert len(other) == 1
    assert [isinstance(found, ExplanationsBusyError) for found in answers] == [False, False, False, True]


async def test_a_client_that_closes_its_connection_stops_its_work(
    inference, publish, deploy, announced, fit, saved, wide
):
    await deploy(await publish(saved(fit(wide, model={"node": "svc"}, steps=SPLIT))))
    await announced(1)
    rows = wide.drop("y")[:30].to_dicts()
    request = inference.client.build_request("POST", "/api/v1/deployments/flights/explain", json={"rows": rows})
    told, sent = iter([{"type": "http.request", "body": request.content, "more_body": False}]), []

    async def receive():
        message = next(told, None)
        if message is None:
            await asyncio.sleep(0.1)
        return message or {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": request.url.path, "raw_path": request.url.raw_path, "query_string": b"",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": ("service", 80), "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    began = perf_counter()
    await inference.app(scope, receive, send)
    took = perf_counter() - began
    found = await inference.client.post("/api/v1/deployments/flights/explain", json={"row": rows[0]})

    assert (sent[0]["status"], found.status_code) == (499, 200)
    assert took < 1.0
