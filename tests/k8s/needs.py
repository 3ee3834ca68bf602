"""Whom each role of each service speaks to, by its code: it is composed, and what addresses it asks for is noted."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from pydantic import SecretStr
from pydantic_settings import BaseSettings
from settings_example import SERVICES
from skyulf_service.composition import Parts, Service
from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.roles import runner_tasks, worker_tasks
from skyulf_service.settings import SharedSettings

S = TypeVar("S", bound=BaseSettings)
Server = str
DATABASE, KAFKA, OBJECTS, ENDPOINTS, COLLECTOR = "database", "kafka", "objects", "endpoints", "collector"
# the image of the `skyulf` command, which works on what all services have
OPERATE = "operate"
ADDRESSES = {
    "kafka_bootstrap": KAFKA,
    "s3_endpoint": OBJECTS,
    "endpoints": ENDPOINTS,
    **{f"{name}_url": name for name in SERVICES},
}


@dataclass(frozen=True)
class Role:
    """A service's image with what its arguments make of it."""

    service: str
    name: str


def roles_of(service: str) -> tuple[str, ...]:
    """What a service's image can be for ever, and what comes before."""
    return ("api", "worker", *(("runner",) if _service(service).runner else ()), "migrate")


def services_of(image: str) -> tuple[str, ...]:
    """The services whose databases and secrets an image is for."""
    return tuple(SERVICES) if image == OPERATE else (image,)


def needs(role: Role) -> frozenset[Server]:
    """Neighbours by name, databases, Kafka, objects and so on, as far as this role speaks to them."""
    if role.service == OPERATE:
        # which of them a command needs is a matter of the command; requests go through the gateway
        return frozenset({DATABASE, KAFKA, OBJECTS, "gateway"})
    if role.name == "migrate":
        # it is not composed but runs to its end: tables, the buckets of the service, and all topics
        return frozenset({DATABASE, KAFKA, *([OBJECTS] if _service(role.service).buckets else [])})
    return _composed(role)


@cache
def _composed(role: Role) -> frozenset[Server]:
    with TemporaryDirectory() as folder:
        # no role works without its tables, and each tells a collector of traces what it does
        return frozenset({DATABASE, COLLECTOR, *_asked_for(role, Path(folder))})


def _asked_for(role: Role, home: Path) -> Iterator[Server]:
    service, noted = _service(role.service), set[str]()

    def note(settings: object, name: str) -> object:
        noted.add(name)
        return object.__getattribute__(settings, name)

    def noting(settings: type[S]) -> type[S]:
        return type(f"Noted{settings.__name__}", (settings,), {"__getattribute__": note, "__module__": __name__})

    class NotedParts(Parts[UnitOfWork]):
        def __getattribute__(self, name: str) -> object:
            # whoever takes the way to the stores may go it later
            noted.update({"s3_endpoint"} if name == "objects" else ())
            return super().__getattribute__(name)

    shared = noting(SharedSettings)(home=home, form="distributed", profile="testing", keys_dir=home / "keys")
    settings = noting(service.settings)(shared=shared, database_url=SecretStr(NOWHERE))
    parts = NotedParts(**vars(service.open(settings)))
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
