"""The servers are real: they keep what they acknowledged over a kill, at the same address."""

import io
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from minio import Minio
from skyulf_service.testing import NativeKafka, NativePostgres, NativeS3
from skyulf_service.testing.handles import KafkaBroker, S3Server
from skyulf_service.testing.servers import ExternalServer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine


async def test_each_database_url_is_an_empty_database_of_its_dialect(database_url: str) -> None:
    engine = create_async_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE things (id INTEGER PRIMARY KEY)"))
        await connection.execute(text("INSERT INTO things VALUES (1)"))

    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM things"))).scalar() == 1
    await engine.dispose()
    assert engine.dialect.name in database_url


@pytest.mark.s3
def test_an_object_is_stored_in_a_new_bucket(s3_server: S3Server, s3_bucket: str) -> None:
    client = Minio(s3_server.endpoint, access_key=s3_server.access_key, secret_key=s3_server.secret_key, secure=False)

    client.put_object(s3_bucket, "key", io.BytesIO(b"data"), 4)

    assert client.get_object(s3_bucket, "key").data == b"data"


@pytest.mark.kafka
async def test_topics_are_made_and_never_by_accident(kafka_broker: KafkaBroker) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic("testing-kit", 2, 1)])

    assert "testing-kit" in await admin.list_topics()
    assert "testing-kit-other" not in await admin.list_topics()
    await admin.delete_topics(["testing-kit"])
    await admin.close()


@pytest.mark.postgres
async def test_postgres_keeps_its_commits_over_kill_crash_and_restart() -> None:
    with NativePostgres(durable=True) as server:
        connection = await asyncpg.connect(f"{server.url}/postgres")
        await connection.execute("CREATE TABLE kept (id int)")
        for number, end in enumerate((server.kill, server.crash, server.stop)):
            await connection.execute("INSERT INTO kept VALUES ($1)", number)
            end()
            server.start()
            connection = await asyncpg.connect(f"{server.url}/postgres")

        assert await connection.fetchval("SELECT count(*) FROM kept") == 3
        await connection.close()
    assert not server.folder.exists()


@pytest.mark.s3
def test_s3_keeps_its_objects_over_kill() -> None:
    with NativeS3() as server:
        client = Minio(server.endpoint, access_key=server.access_key, secret_key=server.secret_key, secure=False)
        client.make_bucket("kept")
        client.put_object("kept", "key", io.BytesIO(b"data"), 4)

        server.kill()
        server.start()

        assert client.get_object("kept", "key").data == b"data"


@pytest.mark.slow
@pytest.mark.kafka
async def test_kafka_keeps_acknowledged_records_over_kill() -> None:
    with NativeKafka() as broker:
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic("kept", 1, 1)])
        await admin.close()
        async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all") as producer:
            for number in range(1000):
                await producer.send("kept", str(number).encode())
            await producer.flush()

        broker.kill()
        broker.start()

        async with AIOKafkaConsumer(bootstrap_servers=broker.bootstrap) as consumer:
            partition = TopicPartition("kept", 0)
            assert (await consumer.end_offsets([partition]))[partition] == 1000


def test_a_folder_given_by_the_caller_stays(tmp_path: Path) -> None:
    with NativeS3(tmp_path):
        pass

    assert (tmp_path / "data").is_dir()


def test_a_taken_port_is_noticed(tmp_path: Path) -> None:
    with NativeS3() as first, pytest.raises(RuntimeError, match="something else answers"):
        NativeS3(tmp_path, port=first.port).start()


@pytest.mark.postgres
def test_a_server_that_cannot_start_says_why() -> None:
    server = NativePostgres(options={"max_connections": "none"})

    with pytest.raises(RuntimeError, match='invalid value for parameter "max_connections"'):
        server.start()

    server.close()


def test_addresses_of_the_environment_are_understood_and_never_stopped() -> None:
    assert ExternalServer("kafka", "broker:9092").address() == {"bootstrap": "broker:9092"}
    assert ExternalServer("postgres", "postgresql://u:p@db:5432/").address() == {"url": "postgresql://u:p@db:5432"}
    assert ExternalServer("s3", "http://key:secret@s3:7070").address() == {
        "endpoint": "s3:7070",
        "access_key": "key",
        "secret_key": "secret",
    }
    with pytest.raises(RuntimeError, match="not the tests' own"):
        ExternalServer("kafka", "broker:9092").kill()
