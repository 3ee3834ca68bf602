"""The roles of a service as processes of the distributed form: api, worker, runner, migrate.

What only one role needs is imported where that role begins: Kafka and migrations cost an api half a second and 25 MB.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

from skyulf_service.composition import Parts, Service
from skyulf_service.database.revisions import SchemaMismatchError, check_schema
from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.http.health import Check
from skyulf_service.process import run_api, run_role
from skyulf_service.telemetry.logging import configure_logging
from skyulf_service.telemetry.tracing import configure_tracing

U = TypeVar("U", bound=UnitOfWork)
Tasks = dict[str, Callable[[], Awaitable[None]]]


def run_service(service: Service[U], argv: Sequence[str]) -> int:
    """Run the role that the arguments name; returns the process's exit code."""
    roles = ["api", "worker", "migrate", *(["runner"] if service.runner else [])]
    parser = argparse.ArgumentParser(prog=f"skyulf serve {service.name}", description=f"Run a role of {service.name}.")
    parser.add_argument("role", choices=roles)
    role = parser.parse_args(argv).role
    parts = service.open()
    shared = parts.settings.shared
    configure_logging(service=service.name, level=shared.log_level, log_format=shared.log_format)
    if role == "migrate":
        return asyncio.run(_migrate(service, parts))
    configure_tracing(service=service.name, role=role)
    if not asyncio.run(_knows_schema(service, parts)):
        return 1
    if role == "api":
        return run_api(service.create_api(parts), host=shared.host, port=parts.settings.api_port)
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
    from skyulf_service.messaging.kafka import KafkaConsumers
    from skyulf_service.messaging.kafka_producer import KafkaPublisher

    bootstrap = parts.settings.shared.kafka_bootstrap
    delivery = service.delivery(parts)
    tasks: Tasks = {}
    if service.consumers.topics:
        consumers = KafkaConsumers(bootstrap, delivery)
        tasks["consumers"] = consumers.run
        checks.append(Check("kafka", consumers.ready))
    tasks["relay"] = service.relay(parts, KafkaPublisher(bootstrap, client_id=service.name)).run
    tasks["housekeeping"] = service.housekeeping(parts, delivery)
    tasks.update(service.worker_background(parts))
    return tasks


def runner_tasks(service: Service[U], parts: Parts[U]) -> Tasks:
    """The supervisor of a service's long work."""
    if service.runner is None:
        raise ValueError(f"{service.name} has no long work")
    return {"runner": service.runner(parts).run}


async def _migrate(service: Service[U], parts: Parts[U]) -> int:
    await service.prepare(parts)
    await parts.close()
    if parts.form == "distributed":
        from skyulf_service.messaging.topics import ensure_topics

        await ensure_topics(parts.settings.shared.kafka_bootstrap)
    return 0


async def _knows_schema(service: Service[U], parts: Parts[U]) -> bool:
    try:
        await check_schema(parts.database, service.package)
    except SchemaMismatchError as error:
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
