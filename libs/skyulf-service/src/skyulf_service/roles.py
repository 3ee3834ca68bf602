"""The roles of a service as processes of the distributed form: api, worker, runner, migrate, topics, await-schema.

What only one role needs is imported where that role begins: Kafka and migrations cost an api half a second and 25 MB.
"""

import argparse
import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings.exceptions import SettingsError

from skyulf_service.composition import Parts, Service
from skyulf_service.database.revisions import await_schema, check_schema
from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.errors import SkyulfError
from skyulf_service.half_restored import HalfRestoredError, refuse_half_restored
from skyulf_service.http.health import Check
from skyulf_service.process import run_api, run_role
from skyulf_service.settings import SharedSettings, in_words
from skyulf_service.signing.keys import KeyFileError
from skyulf_service.telemetry.logging import configure_logging
from skyulf_service.telemetry.metrics import configure_metrics
from skyulf_service.telemetry.tracing import configure_tracing
from skyulf_service.tls import Authorities, TlsFilesError, serving_context

U = TypeVar("U", bound=UnitOfWork)
Tasks = dict[str, Callable[[], Awaitable[None]]]
TOPICS = "topics"
AWAIT = "await-schema"
MOST_SECONDS = 300.0


def run_service(service: Service[U], argv: Sequence[str]) -> int:
    """Run the role that the arguments name; returns the process's exit code."""
    roles = ["api", "worker", "migrate", TOPICS, AWAIT, *(["runner"] if service.runner else [])]
    parser = argparse.ArgumentParser(prog=f"skyulf serve {service.name}", description=f"Run a role of {service.name}.")
    parser.add_argument("role", choices=roles)
    parser.add_argument("--seconds", type=float, default=MOST_SECONDS, help=f"how long {AWAIT} and {TOPICS} wait")
    arguments = parser.parse_args(argv)
    role = arguments.role
    try:
        if role == TOPICS:
            return asyncio.run(_make_topics(SharedSettings(), seconds=arguments.seconds))
        refuse_half_restored(SharedSettings().home)  # before keys and a database are made there
        parts = service.open()
        tls = _tls(parts.settings.shared, role)
    except HalfRestoredError as error:
        print(error.detail)  # noqa: T201 - the answer to a person who starts a process
        return 1
    except ValidationError as error:
        parser.exit(2, f"{parser.prog}: these settings cannot be used: {in_words(error)}\n")
    except (SettingsError, KeyFileError, TlsFilesError) as error:
        parser.exit(2, f"{parser.prog}: these settings cannot be used: {error}\n")
    shared = parts.settings.shared
    configure_logging(service=service.name, level=shared.log_level, log_format=shared.log_format)
    if role == "migrate":
        return asyncio.run(_migrate(service, parts))
    if role == AWAIT:
        waiting = await_schema(parts.database, service.package, seconds=arguments.seconds)
        return 0 if asyncio.run(_accepts(parts, waiting)) else 1
    configure_tracing(service=service.name, role=role)
    configure_metrics()
    if not asyncio.run(_accepts(parts, check_schema(parts.database, service.package))):
        return 1
    if role == "api":
        return run_api(service.create_api(parts), host=shared.host, port=parts.settings.api_port, tls=tls)
    checks = [Check("database", parts.database.ping)]
    tasks = worker_tasks(service, parts, checks) if role == "worker" else runner_tasks(service, parts)
    return run_role(
        f"{service.name} {role}",
        tasks,
        health_port=parts.settings.role_port(role),
        health_host=shared.host,
        readiness=checks,
        lifespan=_open(parts),
    )


def worker_tasks(service: Service[U], parts: Parts[U], checks: list[Check]) -> Tasks:
    """Consumers, relay and sweepers of one service on Kafka; what takes in new work comes first.

    Adds to ``checks`` what the worker's readiness asks for beside the database.
    """
    from skyulf_service.messaging.brokers import Brokers
    from skyulf_service.messaging.kafka import KafkaConsumers
    from skyulf_service.messaging.kafka_producer import KafkaPublisher

    brokers = Brokers.of(parts.settings.shared)
    delivery = service.delivery(parts)
    tasks: Tasks = {}
    if service.consumers.topics:
        consumers = KafkaConsumers(brokers, delivery)
        tasks["consumers"] = consumers.run
        checks.append(Check("kafka", consumers.ready))
    tasks["relay"] = service.relay(parts, KafkaPublisher(brokers, client_id=service.name)).run
    tasks["housekeeping"] = service.housekeeping(parts, delivery)
    tasks.update(service.worker_background(parts))
    return tasks


def runner_tasks(service: Service[U], parts: Parts[U]) -> Tasks:
    """The supervisor of a service's long work; at the end what runs may end by itself for a moment."""
    if service.runner is None:
        raise ValueError(f"{service.name} has no long work")
    return {"runner": service.runner(parts).serve}


def _tls(shared: SharedSettings, role: str) -> ssl.SSLContext | None:
    """The context that an api serves with. Files that this role would only miss later are looked at now."""
    if role == "api" and shared.certificate is None and shared.refuses_plain:
        raise TlsFilesError(
            "production needs TLS between services: set SKYULF_TLS_CERT_FILE and SKYULF_TLS_KEY_FILE, "
            "or SKYULF_ALLOW_INSECURE on purpose"
        )
    if role in ("api", "worker") and shared.tls_ca_file is not None:
        Authorities(shared.tls_ca_file)
    return serving_context(*shared.certificate) if role == "api" and shared.certificate is not None else None


async def _migrate(service: Service[U], parts: Parts[U]) -> int:
    try:
        await service.prepare(parts)
    except SkyulfError as error:  # the database is away, of a newer release, or half restored
        print(error.detail)  # noqa: T201 - the answer to a person who runs it
        return 1
    finally:
        await parts.close()
    if parts.form == "distributed":
        return await _ensure_topics(parts.settings.shared)
    return 0


async def _ensure_topics(shared: SharedSettings, *, seconds: float = 0.0) -> int:
    """Make the topics of all services, at once or as soon as the brokers answer within so many seconds."""
    from aiokafka.errors import KafkaError

    from skyulf_service.messaging.brokers import Brokers
    from skyulf_service.messaging.topics import wait_for_topics

    brokers = Brokers.of(shared)
    try:
        await wait_for_topics(brokers, seconds=seconds)
    except (KafkaError, OSError) as error:  # OSError: the file of authorities cannot be read
        print(f"Kafka at {brokers} does not answer, and has no topics of ours yet ({error!r}).")  # noqa: T201
        return 1
    return 0


async def _make_topics(shared: SharedSettings, *, seconds: float) -> int:
    """Make the topics, which needs neither a database nor a key; a broker may still be starting."""
    configure_logging(service="topics", level=shared.log_level, log_format=shared.log_format)
    return await _ensure_topics(shared, seconds=seconds)


async def _accepts(parts: Parts[U], check: Awaitable[None]) -> bool:
    """Say whether the database is there and its schema passes the check, and why not."""
    try:
        await check
    except SkyulfError as error:
        print(error.detail)  # noqa: T201 - the answer to a person who starts a process
        return False
    finally:
        await parts.close()  # its connections belong to this short event loop
    return True


def _open(parts: Parts[U]) -> Callable[[], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await parts.close()

    return lifespan
