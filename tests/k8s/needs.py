"""Whom each role of each service speaks to, by its code: it is composed, and what addresses it asks for is noted."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr
from settings_example import SERVICES
from skyulf_service.composition import Parts, Service
from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.roles import runner_tasks, worker_tasks
from skyulf_service.settings import SharedSettings

Server = str
DATABASE, KAFKA, OBJECTS = "database", "kafka", "objects"
ADDRESSES = {"kafka_bootstrap": KAFKA, "s3_endpoint": OBJECTS, **{f"{name}_url": name for name in SERVICES}}


@dataclass(frozen=True)
class Role:
    """A service's image with what its arguments make of it."""

    service: str
    name: str


def roles_of(service: str) -> tuple[str, ...]:
    """What a service's image can be for ever, and what comes before."""
    return ("api", "worker", *(("runner",) if _service(service).runner else ()), "migrate")


def needs(role: Role) -> frozenset[Server]:
    """Neighbours by name, `database`, `kafka` and `objects`, as far as this role speaks to them."""
    if role.name == "migrate":
        # it is not composed but runs to its end: tables, the buckets of the service, and all topics
        return frozenset({DATABASE, KAFKA, *([OBJECTS] if _service(role.service).buckets else [])})
    return _composed(role)


@cache
def _composed(role: Role) -> frozenset[Server]:
    with TemporaryDirectory() as folder:
        return frozenset({DATABASE, *_asked_for(role, Path(folder))})  # no role works without its tables


def _asked_for(role: Role, home: Path) -> Iterator[Server]:
    service, noted = _service(role.service), set[str]()

    class NotedSettings(SharedSettings):
        def __getattribute__(self, name: str) -> object:
            noted.add(name)
            return super().__getattribute__(name)

    class NotedParts(Parts[UnitOfWork]):
        def __getattribute__(self, name: str) -> object:
            # whoever takes the way to the stores may go it later
            noted.update({"s3_endpoint"} if name == "objects" else ())
            return super().__getattribute__(name)

    shared = NotedSettings(home=home, form="distributed", profile="testing", keys_dir=home / "keys")
    parts = NotedParts(**vars(service.open(service.settings(shared=shared, database_url=SecretStr(NOWHERE)))))
    noted.clear()
    if role.name == "api":
        service.create_api(parts)
        service.api_background(parts)
    else:
        worker_tasks(service, parts, []) if role.name == "worker" else runner_tasks(service, parts)
    return (ADDRESSES[name] for name in noted & ADDRESSES.keys())


NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/nowhere"


def _service(name: str) -> Service[UnitOfWork]:
    found: Service[UnitOfWork] = import_module(f"skyulf_{name}.main").SERVICE
    return found
