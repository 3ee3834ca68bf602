"""`skyulf doctor`: what is broken for real is named, with what to do; what is good is not complained about."""

import json
import secrets
import shutil
import socket
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr
from skyulf_events import Topic
from skyulf_inference.persistence.tables import servings
from skyulf_service.database.engine import Database
from skyulf_service.ids import utc_now
from skyulf_service.messaging.topics import ensure_topics
from skyulf_service.settings import SharedSettings
from skyulf_service.signing import rotation
from skyulf_service.signing.keys import load_or_create
from skyulf_service.testing.handles import KafkaBroker, PostgresServer, S3Server
from skyulf_standalone.doctor.databases import examine_database, same_time
from skyulf_standalone.doctor.deployments import examine_deployments
from skyulf_standalone.doctor.examining import examine
from skyulf_standalone.doctor.finding import FaultError, Finding
from skyulf_standalone.doctor.kafka import examine_kafka
from skyulf_standalone.doctor.objects import examine_bucket
from skyulf_standalone.services import service_of


async def failures() -> dict[str, Finding]:
    return {finding.subject: finding async for finding in examine() if finding.state == "fail"}


async def test_a_sound_installation_that_does_not_run_is_sound(home: Path) -> None:
    before = files(home)

    findings = [finding async for finding in examine()]

    assert [finding for finding in findings if finding.state == "fail"] == []
    assert [finding.subject for finding in findings if finding.state == "skipped"] == ["system"]
    assert files(home) == before, "nothing is left behind"


async def test_a_wrong_setting_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYULF_INFERENCE_MAX_ROWS", "many")

    found = await failures()

    assert list(found) == ["settings"]
    assert "inference: max_rows" in found["settings"].text


async def test_an_old_schema_says_what_to_run(home: Path) -> None:
    change(home, "pipeline", "UPDATE alembic_version SET version_num = '0001'")

    found = await failures()

    assert list(found) == ["pipeline database"]
    assert "skyulf migrate pipeline" in found["pipeline database"].text


async def test_a_newer_schema_is_told_from_an_old_one(home: Path) -> None:
    change(home, "registry", "UPDATE alembic_version SET version_num = '9999'")

    assert "made by a newer one" in (await failures())["registry database"].text


async def test_a_missing_database_is_not_made(home: Path) -> None:
    path = home / "db" / "gateway.sqlite3"
    path.unlink()

    found = await failures()

    assert "does not exist" in found["gateway database"].text
    assert not path.exists()


async def test_a_damaged_database_is_seen(home: Path) -> None:
    path = home / "db" / "inference.sqlite3"
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4096] = b"\xff" * 4096
    path.write_bytes(bytes(data))

    found = await failures()

    assert list(found) == ["inference database"]
    assert f"{path} is damaged" in found["inference database"].text
    assert "restore a backup" in found["inference database"].advice


async def test_a_file_that_is_no_database_is_damaged(home: Path) -> None:
    (home / "db" / "registry.sqlite3").write_bytes(b"no database" * 1000)

    found = (await failures())["registry database"]

    assert "is damaged: file is not a database" in found.text
    assert "restore a backup" in found.advice


async def test_deployments_that_failed_are_named(home: Path) -> None:
    database = Database.open(service_of("inference").settings().database, name="inference")
    now = utc_now() - timedelta(hours=1)
    row = {
        "id": uuid4(), "project_id": uuid4(), "deployment_id": uuid4(), "name": "flights", "revision": 1,
        "desired_order": 1, "desired": "active", "status": "failed", "replicas": 0, "version": 1,
        "error_code": "artifact-missing", "error_message": "It is gone.", "created_at": now, "updated_at": now,
    }  # fmt: skip
    waiting = {
        **row,
        "id": uuid4(),
        "deployment_id": uuid4(),
        "name": "waiting",
        "status": "pending",
        "error_code": None,
    }
    async with database.begin() as connection:
        await connection.execute(servings.insert(), [row, waiting, {**waiting, **STOPPED}])
    await database.close()

    found = await failures()
    running = await examine_deployments(service_of("inference").settings(), running=True)

    assert list(found) == ["deployments"]
    assert "flights of project" in found["deployments"].text
    assert "nobody answers (artifact-missing: It is gone)" in found["deployments"].text
    assert "waiting" not in found["deployments"].text, "nothing runs"
    assert "waiting of project" in running.text
    assert "gone-by" not in running.text


async def test_a_copy_that_does_not_run_leaves_the_address_of_the_other_alone(home: Path) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0.2)
        kept = {"url": f"http://127.0.0.1:{other.getsockname()[1]}", "api_key": "sk_anything"}
        (home / "credentials.json").write_text(json.dumps(kept))

        (found,) = [finding async for finding in examine() if finding.subject == "system"]

        with pytest.raises(TimeoutError):
            asked.append(other.accept()[0].recv(1))
    assert asked == []
    assert found.state == "skipped"
    assert f"nothing runs on {home}" in found.text


async def test_damaged_credentials_are_seen(home: Path) -> None:
    (home / "credentials.json").write_text("{")

    assert "credentials.json is damaged" in (await failures())["system"].text


async def test_events_that_do_not_leave_are_seen(home: Path) -> None:
    change(
        home,
        "ingestion",
        "INSERT INTO outbox (event_id, topic, type, source, data_schema, aggregate_id, aggregate_version, project_id,"
        " body, occurred_at) VALUES ('a', 't', 't', 's', 'd', 'a', 1, 'p', '{}', '2026-01-01 00:00:00.000000')",
    )

    found = await failures()

    assert "1 events wait" in found["ingestion events"].text
    assert "no relay works" in found["ingestion events"].text
    assert found["ingestion events"].advice == "start the worker of ingestion"


async def test_dead_letters_are_seen(home: Path) -> None:
    change(
        home,
        "pipeline",
        'INSERT INTO dead_letters (id, consumer, fingerprint, topic, partition, "offset", value, headers, reason,'
        " error, attempts, parked_at) VALUES ('a', 'c', 'f', 't', 0, 0, x'00', '[]', 'bad-json', 'e', 1, '2026-01-01')",
    )

    found = await failures()

    assert list(found) == ["pipeline dead letters"]
    assert "dead-letters list" in found["pipeline dead letters"].advice


async def test_a_key_that_others_can_read_is_seen(home: Path) -> None:
    (home / "keys" / "gateway.key").chmod(0o644)

    assert "chmod 600" in (await failures())["keys"].text


async def test_keys_that_do_not_fit_are_seen(home: Path, tmp_path: Path) -> None:
    load_or_create(tmp_path / "other", "pipeline")
    shutil.copy(tmp_path / "other" / "pipeline.pub", home / "keys" / "pipeline.pub")

    found = await failures()

    assert "pipeline.pub does not belong to pipeline.key" in found["keys"].text


async def test_what_lies_beside_the_current_keys_is_looked_at(home: Path, tmp_path: Path) -> None:
    rotation.prepare(home / "keys", "gateway")
    load_or_create(tmp_path / "other", "gateway")
    sound = await failures()
    shutil.copy(tmp_path / "other" / "gateway.pub", home / "keys" / f"gateway.{'0' * 16}.pub")
    (home / "keys" / "gateway.next.key").chmod(0o644)

    found = [finding.text async for finding in examine() if finding.subject == "keys"]

    assert sound == {}
    assert len(found) == 2
    assert f"gateway.{'0' * 16}.pub holds another key" in found[0]
    assert "gateway.next.key can be read by others" in found[1]


async def test_a_missing_public_key_is_seen(home: Path) -> None:
    (home / "keys" / "registry.pub").unlink()
    (home / "keys" / "registry.key").unlink()

    found = await failures()

    assert "registry.pub" in found["keys"].text
    assert not (home / "keys" / "registry.key").exists(), "a doctor makes no keys"


async def test_a_missing_bucket_is_seen(home: Path) -> None:
    shutil.rmtree(home / "objects" / "skyulf-pipeline")

    found = await failures()

    assert list(found) == ["pipeline objects"]
    assert "skyulf migrate pipeline" in found["pipeline objects"].advice


async def test_a_store_that_cannot_be_written_is_seen(home: Path) -> None:
    bucket = home / "objects" / "skyulf-ingestion"
    shutil.rmtree(bucket)
    bucket.write_text("a file where a folder should be")

    assert "ingestion objects" in await failures()


async def test_a_broker_that_is_away_is_seen(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("SKYULF_FORM", "distributed")
        monkeypatch.setenv("SKYULF_KAFKA_BOOTSTRAP", f"127.0.0.1:{nobody.getsockname()[1]}")
        found = await failures()

    assert "does not answer" in found["kafka"].text


async def test_a_system_that_is_away_is_seen(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYULF_API_KEY", "sk_anything")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        (found,) = [finding async for finding in examine(url=url) if finding.subject == "system"]

    assert f"nobody answers at {url}" in found.text


@pytest.mark.s3
async def test_an_object_store_that_refuses_is_seen(
    home: Path, monkeypatch: pytest.MonkeyPatch, s3_server: S3Server
) -> None:
    monkeypatch.setenv("SKYULF_S3_ENDPOINT", s3_server.endpoint)
    monkeypatch.setenv("SKYULF_S3_ACCESS_KEY", s3_server.access_key)
    monkeypatch.setenv("SKYULF_S3_SECRET_KEY", "wrong")
    bucket = s3_server.make_bucket()

    refused = await examine_bucket("ingestion", bucket, SharedSettings())
    monkeypatch.setenv("SKYULF_S3_SECRET_KEY", s3_server.secret_key)
    missing = await examine_bucket("ingestion", "no-such-bucket", SharedSettings())
    good = await examine_bucket("ingestion", bucket, SharedSettings())

    assert (refused.state, missing.state, good.state) == ("fail", "fail", "ok")
    assert "does not exist" in missing.text
    assert "skyulf migrate ingestion" in missing.advice


@pytest.mark.kafka
async def test_topics_that_are_missing_or_small_are_seen(kafka_broker: KafkaBroker) -> None:
    topic = Topic(name=f"skyulf.doctor-{secrets.token_hex(4)}.v1", partitions=2)
    missing = await examine_kafka(kafka_broker.bootstrap, [topic])
    await ensure_topics(kafka_broker.bootstrap, [topic])

    small = await examine_kafka(kafka_broker.bootstrap, [topic.model_copy(update={"partitions": 3})])
    good = await examine_kafka(kafka_broker.bootstrap, [topic])

    assert "topics are missing" in missing.text
    assert "skyulf migrate" in missing.advice
    assert "too few partitions" in small.text
    assert good.state == "ok"


@pytest.mark.postgres
async def test_a_database_that_is_open_to_others_is_seen(postgres_server: PostgresServer, tmp_path: Path) -> None:
    database = postgres_server.create_database()
    service = service_of("registry")
    settings = service.settings(
        shared=SharedSettings(home=tmp_path), database_url=SecretStr(postgres_server.url(database))
    )
    parts = service.open(settings)
    await service.prepare(parts)
    await parts.close()
    closed = [finding async for finding in examine_database(service, settings)]
    postgres_server.execute(f'GRANT CONNECT ON DATABASE "{database}" TO PUBLIC')

    opened = [finding async for finding in examine_database(service, settings)]

    assert {finding.state for finding in closed} == {"ok"}
    assert [finding.subject for finding in opened if finding.state == "fail"] == ["registry access"]
    assert any("REVOKE CONNECT" in finding.advice for finding in opened)
    assert any(finding.subject == "registry clock" for finding in opened)
    postgres_server.drop_database(database)


@pytest.mark.parametrize(("skew", "word"), [(3.0, "ahead of"), (-3.0, "behind")])
def test_a_clock_that_is_off_is_named(skew: float, word: str) -> None:
    assert same_time(1.5, "PostgreSQL") == "within 2 s of PostgreSQL's"
    with pytest.raises(FaultError, match=f"PostgreSQL's clock is 3.0 s {word} this machine's"):
        same_time(skew, "PostgreSQL")


def test_a_full_disk_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from skyulf_standalone.doctor import ground

    monkeypatch.setattr(ground, "LEAST_FREE", shutil.disk_usage(home).total * 2)

    assert ground.disk(home).state == "fail"


STOPPED = {"id": uuid4(), "deployment_id": uuid4(), "name": "gone-by", "desired": "stopped", "status": "stopped"}


def change(home: Path, service: str, statement: str) -> None:
    with closing(sqlite3.connect(home / "db" / f"{service}.sqlite3")) as connection:
        connection.execute(statement)
        connection.commit()


def files(home: Path) -> list[Path]:
    return sorted(path for path in home.rglob("*") if path.is_file())
