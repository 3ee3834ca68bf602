"""Both clients against a running Skyulf."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest
from answer_cutter import AnswerCutter
from client_server import Running
from skyulf_client import (
    AsyncSkyulf,
    Skyulf,
    SkyulfApiError,
    SkyulfClientError,
    SkyulfConnectionError,
    WaitTimeoutError,
)
from skyulf_client.answers import Event
from skyulf_client.operations import Retries


def test_the_whole_way_with_the_blocking_client(skyulf: Skyulf, table: Path, config: Mapping[str, object]) -> None:
    name, sent = f"points-{uuid4().hex[:8]}", []

    uploaded = skyulf.datasets.upload(table, name=name, on_progress=lambda done, size: sent.append((done, size)))
    dataset = skyulf.datasets.wait(uploaded.id, timeout=60)
    assert (dataset.status, dataset.rows, dataset.columns) == ("ready", 80, 3)
    assert sent[-1] == (table.stat().st_size, table.stat().st_size)
    assert [column.name for column in skyulf.datasets.schema(dataset.id).columns] == ["x", "y", "label"]
    assert skyulf.datasets.sample(dataset.id).rows[0] == {"x": 0, "y": 0, "label": "no"}
    assert skyulf.datasets.profile(dataset.id).columns[2].distinct == 2

    assert skyulf.pipelines.validate(config, dataset_id=dataset.id).valid
    pipeline = skyulf.pipelines.create(name, config)
    job = skyulf.jobs.wait(skyulf.pipelines.run(pipeline.id, dataset.id).id, timeout=60)
    assert (job.status, job.progress) == ("succeeded", 1.0)
    assert skyulf.jobs.evaluation(job.id).metrics == job.metrics
    assert skyulf.jobs.logs(job.id).items
    assert job.has_report
    assert skyulf.jobs.report(job.id).startswith(b"<!doctype html>")
    assert json.loads(skyulf.jobs.report(job.id, format="json"))["target"] == "label"
    assert job.intervals["accuracy"].low <= job.metrics["accuracy"] <= job.intervals["accuracy"].high

    registered = next(e for e in skyulf.events.stream(types=["model.registered"], after=0) if e.data["model"] == name)
    version = skyulf.models.version(name, int(str(registered.data["version"])))
    assert version.lineage.job_id == job.id
    assert (version.intervals, version.importances) == (job.intervals, job.importances)
    assert skyulf.models.set_alias(name, version.version, "champion").aliases == {"champion": 1}
    assert skyulf.models.set_stage(name, version.version, "production").stage == "production"

    skyulf.deployments.create(name, name, alias="champion")
    assert skyulf.deployments.wait(name).status == "ready"
    prediction = skyulf.predict(name, [{"x": 6, "y": 1}, {"x": 0, "y": 1}])
    assert prediction.predictions == ["yes", "no"]
    assert prediction.probabilities is not None
    assert set(prediction.probabilities[0]) == {"yes", "no"}
    assert prediction.coverage is None
    explained = skyulf.explain(name, [{"x": 6, "y": 1}, {"x": 0, "y": 1}])
    assert [row.answer for row in explained.explanations] == ["yes", "no"]
    first = explained.explanations[0]
    assert first.contributions[0].name == "x"
    assert abs(first.base + sum(each.amount for each in first.contributions) - first.score) < 1e-9
    assert first.sentence.startswith("label is yes (")
    with pytest.raises(SkyulfApiError, match=r"validation\.conformal"):
        skyulf.predict(name, [{"x": 6, "y": 1}], intervals=True)
    assert skyulf.deployments.delete(name).desired == "stopped"


def test_a_deployment_goes_to_another_version_and_back(
    skyulf: Skyulf, table: Path, config: Mapping[str, object]
) -> None:
    name = f"points-{uuid4().hex[:8]}"
    dataset = skyulf.datasets.wait(skyulf.datasets.upload(table).id, timeout=60)
    pipeline = skyulf.pipelines.create(name, config)
    for _ in range(2):
        skyulf.jobs.wait(skyulf.pipelines.run(pipeline.id, dataset.id).id, timeout=60)
    made = (e for e in skyulf.events.stream(types=["model.registered"], after=0) if e.data["model"] == name)
    assert [next(made).data["version"] for _ in range(2)] == [1, 2]

    skyulf.deployments.create(name, name, version=1)
    assert skyulf.deployments.update(name, name, version=2).version == 2
    assert skyulf.deployments.rollback(name).version == 1

    assert [line.version for line in skyulf.deployments.history(name).items] == [1, 2, 1]
    serving = skyulf.deployments.wait(name).serving
    assert serving is not None
    assert serving.version == 1


async def test_the_same_operations_with_the_awaited_client(server: Running, table: Path) -> None:
    async with AsyncSkyulf(server.credentials.url, server.credentials.api_key) as skyulf:
        uploaded = await asyncio.gather(*(skyulf.datasets.upload(table, name=f"many-{n}") for n in range(3)))
        ready = await asyncio.gather(*(skyulf.datasets.wait(dataset.id, timeout=60) for dataset in uploaded))
        listed = {dataset.id for dataset in (await skyulf.datasets.list(limit=200)).items}
        first = await anext(skyulf.events.stream(subjects=[str(ready[0].id)], after=0))

    assert {dataset.status for dataset in ready} == {"ready"}
    assert {dataset.id for dataset in uploaded} <= listed
    assert first.name == "dataset.created"


def test_pages_follow_each_other(skyulf: Skyulf, table: Path) -> None:
    made = {skyulf.datasets.upload(table, name=f"page-{n}").id for n in range(3)}

    found, cursor = set(), None
    while True:
        page = skyulf.datasets.list(limit=1, cursor=cursor)
        found |= {dataset.id for dataset in page.items}
        cursor = page.next_cursor
        if cursor is None or made <= found:
            break

    assert made <= found


def test_keys_are_made_and_revoked(server: Running, skyulf: Skyulf) -> None:
    made = skyulf.keys.create("reader", scopes=["viewer"])
    assert made.key is not None

    with Skyulf(server.credentials.url, made.key) as reader:
        assert reader.keys.me().key.id == made.id
        with pytest.raises(SkyulfApiError) as caught:
            reader.keys.create("more")
    assert (caught.value.status, caught.value.code) == (403, "forbidden")
    assert skyulf.keys.revoke(made.id).revoked_at is not None


def test_refusals_name_their_fields(skyulf: Skyulf) -> None:
    with pytest.raises(SkyulfApiError) as caught:
        skyulf.pipelines.create("broken", {"steps": [], "model": {"node": "logistic_regresion"}})

    assert caught.value.status == 422
    assert any("/config/model" in problem.pointer for problem in caught.value.errors)
    assert caught.value.request_id


def test_a_file_that_is_not_there_is_said_before_anything_is_sent(skyulf: Skyulf) -> None:
    with pytest.raises(SkyulfClientError, match="no file"):
        skyulf.datasets.upload("/nowhere.csv")


def test_waiting_ends_in_time(skyulf: Skyulf, table: Path) -> None:
    dataset = skyulf.datasets.upload(table)

    with pytest.raises(WaitTimeoutError, match="goes on"):
        skyulf.datasets.wait(dataset.id, timeout=0)


def test_a_post_whose_answer_is_lost_has_one_effect(
    server: Running, skyulf: Skyulf, config: Mapping[str, object]
) -> None:
    name = f"once-{uuid4().hex[:8]}"

    with AnswerCutter(server.port, passes=[0, 20]) as way, Skyulf(way.url, server.credentials.api_key) as lossy:
        made = lossy.pipelines.create(name, config)
        assert way.connections == 3

    assert [each.id for each in skyulf.pipelines.list(limit=200).items if each.name == name] == [made.id]


def test_an_upload_whose_answer_is_lost_has_one_effect(server: Running, skyulf: Skyulf, table: Path) -> None:
    name = f"once-{uuid4().hex[:8]}"

    with AnswerCutter(server.port, passes=[0]) as way, Skyulf(way.url, server.credentials.api_key) as lossy:
        made = lossy.datasets.upload(table, name=name)

    assert [each.id for each in skyulf.datasets.list(limit=200).items if each.name == name] == [made.id]


def test_a_download_that_is_cut_off_begins_anew(server: Running, skyulf: Skyulf, table: Path, tmp_path: Path) -> None:
    made = skyulf.datasets.wait(skyulf.datasets.upload(table).id, timeout=60)
    there = tmp_path / "there.csv"
    there.write_text("something longer than what comes\n" * 1000)

    with AnswerCutter(server.port, passes=[0, 900]) as way, Skyulf(way.url, server.credentials.api_key) as lossy:
        lossy.datasets.export(made.id, there, format="original")
        assert way.connections == 3

    assert there.read_bytes() == table.read_bytes()
    with pytest.raises(SkyulfApiError, match="no dataset"):
        skyulf.datasets.export(uuid4(), tmp_path / "not.csv")
    assert not (tmp_path / "not.csv").exists()


@pytest.mark.parametrize("kind", ["blocking", "asynchronous"])
def test_a_download_that_never_ends_well_leaves_what_was_there(
    server: Running, skyulf: Skyulf, table: Path, tmp_path: Path, kind: str
) -> None:
    made = skyulf.datasets.wait(skyulf.datasets.upload(table).id, timeout=60)
    folder = tmp_path / "downloads"
    folder.mkdir()
    (folder / "old.csv").write_text("what was there")
    twice = Retries(attempts=2, first_pause=0.01)

    def export(url: str, name: str) -> None:
        with Skyulf(url, server.credentials.api_key, retries=twice) as lossy:
            lossy.datasets.export(made.id, folder / name, format="original")

    async def export_async(url: str, name: str) -> None:
        async with AsyncSkyulf(url, server.credentials.api_key, retries=twice) as lossy:
            await lossy.datasets.export(made.id, folder / name, format="original")

    for name in ("old.csv", "new.csv"):
        with AnswerCutter(server.port, passes=[900, 900]) as way, pytest.raises(SkyulfConnectionError):
            export(way.url, name) if kind == "blocking" else asyncio.run(export_async(way.url, name))

    assert {path.name: path.read_text() for path in folder.iterdir()} == {"old.csv": "what was there"}


def test_the_event_stream_goes_on_where_it_was_cut(server: Running, skyulf: Skyulf, table: Path) -> None:
    dataset = skyulf.datasets.wait(skyulf.datasets.upload(table).id, timeout=60)

    def read(client: Skyulf) -> list[Event]:
        found: list[Event] = []
        for event in client.events.stream(after=0):
            found.append(event)
            if event.name == "dataset.profiled" and event.subject == str(dataset.id):
                return found
        return found

    whole = read(skyulf)
    with AnswerCutter(server.port, passes=[1200, 300, 2500]) as way, Skyulf(way.url, server.credentials.api_key) as cut:
        pieces = read(cut)
        assert way.connections == 4

    assert pieces == whole


def test_a_server_that_is_away_is_an_error_with_its_address() -> None:
    with (
        Skyulf("http://127.0.0.1:9", "sk_x", retries=Retries(attempts=2, first_pause=0.01)) as skyulf,
        pytest.raises(SkyulfConnectionError, match=r"http://127\.0\.0\.1:9: "),
    ):
        skyulf.datasets.list()
