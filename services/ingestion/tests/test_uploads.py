import asyncio
import hashlib
import io
import json
from uuid import UUID

import numpy as np
import polars as pl
import pytest
from palmerpenguins import load_penguins
from skyulf_ingestion.main import SERVICE
from skyulf_ingestion.persistence.tables import datasets, imports, metadata
from skyulf_ingestion.service import SYSTEM
from skyulf_service.database.engine import Database
from skyulf_service.database.migrations import differences
from skyulf_service.testing.no_room import no_room
from skyulf_service.testing.services import running_service
from sqlalchemy import select

DATASETS = "/api/v1/datasets"


async def test_a_csv_becomes_a_profiled_dataset(ingestion, runner, upload, settled):
    penguins = load_penguins()

    accepted = await upload(penguins.to_csv(index=False).encode(), query="name=penguins")
    dataset = await settled(accepted.json()["id"])

    assert accepted.status_code == 202
    assert (dataset["status"], dataset["rows"], dataset["columns"]) == ("ready", len(penguins), 8)
    schema = (await ingestion.client.get(f"{DATASETS}/{dataset['id']}/schema")).json()["columns"]
    types = {column["name"]: (column["type"], column["nullable"]) for column in schema}
    assert types["bill_length_mm"] == ("float", True)
    assert types["species"] == ("string", False)
    assert types["year"] == ("integer", False)
    profile = (await ingestion.client.get(f"{DATASETS}/{dataset['id']}/profile")).json()
    bill = next(column for column in profile["columns"] if column["name"] == "bill_length_mm")
    values = penguins["bill_length_mm"].dropna().to_numpy()
    assert bill["mean"] == pytest.approx(values.mean(), abs=1e-9)
    assert bill["std"] == pytest.approx(values.std(ddof=1), abs=1e-9)
    assert bill["quantiles"]["0.25"] == pytest.approx(np.quantile(values, 0.25), abs=1e-9)
    assert bill["nulls"] == int(penguins["bill_length_mm"].isna().sum())
    assert sum(bill["histogram"]["counts"]) == len(values)
    sample = (await ingestion.client.get(f"{DATASETS}/{dataset['id']}/sample")).json()["rows"]
    assert len(sample) == 100
    assert sample[0]["species"] == "Adelie"


async def test_parquet_and_a_form_work_as_well(ingestion, runner, upload, settled):
    buffer = io.BytesIO()
    pl.DataFrame({"a": [1, 2, None], "b": ["x", "y", "z"]}).write_parquet(buffer)

    raw = await upload(buffer.getvalue(), content_type="application/vnd.apache.parquet")
    form = await ingestion.client.post(DATASETS, files={"file": ("My table.csv", b"a;b\n1;x\n2;y\n", "text/csv")})

    assert (await settled(raw.json()["id"]))["rows"] == 3
    from_form = await settled(form.json()["id"])
    assert (from_form["name"], from_form["rows"], from_form["columns"]) == ("My table", 2, 2)


async def test_encoding_and_separator_are_detected_or_given(ingestion, runner, upload, settled):
    text = "name|city\nZoë|Zürich\nJosé|Łódź\n"

    with_mark = await upload(text.encode("utf-16"))
    declared = await upload("a\tb\n1\té\n".encode("cp1252"), query="name=t&encoding=windows-1252&separator=%09")

    found = await settled(with_mark.json()["id"])
    sample = (await ingestion.client.get(f"{DATASETS}/{found['id']}/sample")).json()["rows"]
    assert sample[1] == {"name": "José", "city": "Łódź"}
    assert (await settled(declared.json()["id"]))["status"] == "ready"


async def test_types_follow_all_values_and_nothing_is_lost(ingestion, runner, upload, settled):
    data = b"code,flag,day,at,mixed,big\n007,true,1850-02-03,2024-01-01T10:00:00Z,1,99999999999999999999\n" + (
        b"012,FALSE,2024-12-31,2024-06-01 11:30,x,1\n" * 3
    )

    dataset = await settled((await upload(data)).json()["id"])

    schema = (await ingestion.client.get(f"{DATASETS}/{dataset['id']}/schema")).json()["columns"]
    types = {column["name"]: column["type"] for column in schema}
    assert types == {
        "code": "string", "flag": "boolean", "day": "date", "at": "datetime", "mixed": "string", "big": "string",
    }  # fmt: skip
    sample = (await ingestion.client.get(f"{DATASETS}/{dataset['id']}/sample")).json()["rows"]
    assert (sample[0]["code"], sample[0]["big"], sample[0]["day"]) == ("007", "99999999999999999999", "1850-02-03")


async def test_the_widest_table_is_told_in_one_event(ingestion, runner, upload, settled):
    names = [f"{'é' * 21}{number:06d}" for number in range(5_000)]
    data = "\n".join([",".join(names), *(",".join(["0.5"] * len(names)) for _ in range(20))]).encode()

    dataset = await settled((await upload(data)).json()["id"])

    _, profiled = await ingestion.published()
    assert (dataset["status"], dataset["columns"]) == ("ready", 5_000)
    assert [column["name"] for column in json.loads(profiled.body)["columns"]] == names


async def test_the_same_upload_twice_with_one_key_is_one_dataset(ingestion, upload):
    key = {"Idempotency-Key": "once"}

    first = await upload(b"a\n1\n", **key)
    replay = await upload(b"a\n1\n", **key)
    other = await upload(b"a\n2\n", **key)

    assert first.json() == replay.json()
    assert other.status_code == 422
    assert len((await ingestion.client.get(DATASETS)).json()["items"]) == 1
    store = ingestion.parts.objects("skyulf-ingestion")
    assert len([found async for found in store.list("uploads/")]) == 1


async def test_events_tell_the_whole_story(ingestion, runner, upload, settled):
    trace = "0af7651916cd43dd8448eb211c80319c"
    accepted = await upload(b"a,b\n1,x\n2,y\n", traceparent=f"00-{trace}-b7ad6b7169203331-01")
    dataset = await settled(accepted.json()["id"])

    created, profiled = await ingestion.published()

    assert created.type == "io.skyulf.dataset.created.v1"
    assert profiled.type == "io.skyulf.dataset.profiled.v1"
    assert (created.aggregate_id, profiled.aggregate_id) == (dataset["id"], dataset["id"])
    assert created.aggregate_version < profiled.aggregate_version
    assert all(trace in row.traceparent for row in (created, profiled)), "one trace from the upload to the profile"


async def test_a_waiting_import_is_cancelled_at_once_and_a_dataset_can_be_deleted(ingestion, upload):
    dataset_id = (await upload(b"a\n1\n")).json()["id"]

    await ingestion.client.post(f"{DATASETS}/{dataset_id}/cancel")
    cancelled = (await ingestion.client.get(f"{DATASETS}/{dataset_id}")).json()
    again = await ingestion.client.post(f"{DATASETS}/{dataset_id}/cancel")
    deleted = await ingestion.client.delete(f"{DATASETS}/{dataset_id}")

    assert cancelled["status"] == "cancelled"
    assert again.status_code == 409
    assert deleted.status_code == 204
    assert (await ingestion.client.get(f"{DATASETS}/{dataset_id}")).status_code == 404
    types = [row.type.split(".")[-2] for row in await ingestion.published()]
    assert types == ["created", "failed", "deleted"]


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "/cancel", 202), ("DELETE", "", 204)])
async def test_what_a_runner_writes_at_that_moment_is_no_conflict(ingestion, upload, method, path, status):
    dataset_id = (await upload(b"a\n1\n")).json()["id"]
    async with ingestion.parts.uows() as uow:
        await uow.imports.save(await uow.imports.of_dataset(SYSTEM, UUID(dataset_id)))
        asked = asyncio.create_task(ingestion.client.request(method, f"{DATASETS}/{dataset_id}{path}"))
        await asyncio.sleep(0.3)  # it has read the import by now, or waits for it
        assert not asked.done()

    assert (await asked).status_code == status


async def test_an_upload_that_finds_every_connection_taken_leaves_nothing(postgres_url, tmp_path):
    async with running_service(SERVICE, database_url=postgres_url, home=tmp_path, database_pool_size=1) as ingestion:
        async with ingestion.parts.uows():
            answer = await ingestion.client.post(
                f"{DATASETS}?name=table", content=b"a\n1\n", headers={"Content-Type": "text/csv"}
            )
        kept = [found.key async for found in ingestion.parts.objects("skyulf-ingestion").list()]

    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert kept == []


async def test_an_upload_that_the_database_has_no_room_for_leaves_nothing(postgres_url, tmp_path):
    async with running_service(SERVICE, database_url=postgres_url, home=tmp_path) as ingestion:
        async with no_room(ingestion.parts.database, datasets, "INSERT"):
            answer = await ingestion.client.post(
                f"{DATASETS}?name=table", content=b"a\n1\n", headers={"Content-Type": "text/csv"}
            )
        kept = [found.key async for found in ingestion.parts.objects("skyulf-ingestion").list()]

    assert (answer.status_code, answer.json()["type"]) == (507, "/problems/storage-full")
    assert kept == []


async def test_an_import_that_the_database_has_no_room_for_is_tried_again_and_leaves_nothing(postgres_url, tmp_path):
    async with running_service(SERVICE, database_url=postgres_url, home=tmp_path) as ingestion:
        supervisor = SERVICE.runner(ingestion.parts)
        running = asyncio.create_task(supervisor.run())
        async with no_room(ingestion.parts.database, datasets, "UPDATE"):
            answer = await ingestion.client.post(
                f"{DATASETS}?name=table", content=b"a\n1\n", headers={"Content-Type": "text/csv"}
            )
            async with asyncio.timeout(60):
                while await waits_for(ingestion.parts.database) != "storage-full":
                    await asyncio.sleep(0.05)
        async with asyncio.timeout(60):
            while (found := await ingestion.client.get(f"{DATASETS}/{answer.json()['id']}")).json()[
                "status"
            ] == "processing":
                await asyncio.sleep(0.05)
        supervisor.stop()
        await running
        kept = [found.key async for found in ingestion.parts.objects("skyulf-ingestion").list()]

    assert found.json()["status"] == "ready"
    assert len(kept) == 3, "the file, its table and its profile: nothing of the attempt before"


async def waits_for(database: Database) -> str | None:
    """The reason for which the only import is not done yet."""
    async with database.read() as connection:
        return (await connection.execute(select(imports.c.error_code))).scalar_one_or_none()


async def test_what_is_not_ready_says_so(ingestion, upload):
    dataset_id = (await upload(b"a\n1\n")).json()["id"]

    for part in ("schema", "sample", "profile"):
        answer = await ingestion.client.get(f"{DATASETS}/{dataset_id}/{part}")
        assert answer.status_code == 409
        assert answer.json()["type"] == "/problems/dataset-not-ready"


async def test_migrations_make_the_declared_tables(ingestion):
    assert await differences(ingestion.parts.database, metadata) == []


async def test_a_dataset_is_exported_as_it_came_and_as_it_was_read(ingestion, runner, upload, settled):
    data = "größe;n\n1,5;1\n".encode("cp1252")
    accepted = await upload(data, query="name=t&encoding=cp1252&separator=;")
    dataset = await settled(accepted.json()["id"])
    path = f"{DATASETS}/{dataset['id']}"

    original = await ingestion.client.get(f"{path}/export", params={"format": "original"})
    table = await ingestion.client.get(f"{path}/export")
    (version,) = (await ingestion.client.get(f"{path}/versions")).json()["items"]

    assert (original.content, original.headers["content-type"]) == (data, "text/csv")
    assert original.headers["content-disposition"] == "attachment"
    assert pl.read_parquet(io.BytesIO(table.content)).to_dicts() == [{"größe": "1,5", "n": 1}]
    assert table.headers["content-type"] == "application/vnd.apache.parquet"
    said = {"format": "csv", "encoding": "cp1252", "separator": ";", "bytes": len(data)}
    assert {name: version[name] for name in said} == said
    assert version["sha256"] == hashlib.sha256(data).hexdigest()


async def test_what_is_not_ready_is_not_exported(ingestion, upload):
    accepted = await upload(b"a\n1\n")

    answer = await ingestion.client.get(f"{DATASETS}/{accepted.json()['id']}/export")

    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/dataset-not-ready")


async def test_a_damaged_object_never_arrives_whole(ingestion, runner, upload, settled, tmp_path):
    data = b"a\n" + b"1\n" * 1_500_000
    dataset = await settled((await upload(data)).json()["id"])
    (stored,) = [path for path in tmp_path.rglob("uploads/*") if path.is_file()]
    with stored.open("r+b") as file:
        file.seek(2_000_000)
        file.write(b"2")

    answer = await ingestion.client.get(f"{DATASETS}/{dataset['id']}/export", params={"format": "original"})

    assert len(answer.content) < int(answer.headers["content-length"]) == len(data)
