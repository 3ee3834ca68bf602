"""The first run: an organisation, a project and a key that may do everything."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import structlog
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.ids import new_id, utc_now

from skyulf_gateway import events
from skyulf_gateway.domain.keys import ApiKey, KeyMaterial, Reach
from skyulf_gateway.domain.permissions import EVERYTHING
from skyulf_gateway.domain.projects import DEFAULT, Organisation, Project
from skyulf_gateway.persistence.unit_of_work import GatewayUnitOfWork

log = structlog.get_logger(__name__)

CREDENTIALS = "credentials.json"


@dataclass(frozen=True, slots=True)
class FirstRun:
    """What the first run made. ``key`` is shown this once; ``credentials`` is the file that holds it, if any does."""

    project_id: UUID
    key: str
    credentials: Path | None


async def ensure_first_run(
    uows: UnitOfWorks[GatewayUnitOfWork], *, home: Path, url: str, given_key: str | None = None
) -> FirstRun | None:
    """Make organisation, project and admin key where there are none; None where there are.

    Several processes may call at once: one makes them, the others get None. The key is ``given_key`` or a new one. It
    lies in ``home/credentials.json`` (0600) before it counts, so a crash in between loses nothing.
    """
    async with uows.read() as uow:
        if await uow.organisations.first_of_all() is not None:
            await _recover_credentials(uow, home)
            return None
    material = KeyMaterial.new() if given_key is None else KeyMaterial.require(given_key)
    pending = _write_pending(home, material, url)
    try:
        async with uows() as uow:
            project = await _make(uow, material)
    except BaseException:
        _discard(pending)
        raise
    if project is None:
        _discard(pending)
        return None
    return FirstRun(project.id, material.text, _publish(pending, home) if pending is not None else None)


def remember_address(home: Path, url: str) -> None:
    """Let the file of the first run name the address where Skyulf is now; nothing where there is no such file."""
    kept = home / CREDENTIALS
    try:
        found = json.loads(kept.read_text())
    except (OSError, ValueError):
        return
    if isinstance(found, dict) and found.get("url") != url:
        pending = _write(home / f".{CREDENTIALS}.{os.getpid()}", {**found, "url": url})
        if pending is not None:
            _publish(pending, home)


async def _make(uow: GatewayUnitOfWork, material: KeyMaterial) -> Project | None:
    now = utc_now()
    organisation = Organisation(id=new_id(), slug=DEFAULT, name="Default", created_at=now, updated_at=now)
    if not await uow.organisations.add_first(organisation):
        return None
    project = Project(
        id=new_id(), organisation_id=organisation.id, slug=DEFAULT, name="Default", created_at=now, updated_at=now
    )
    await uow.projects.add(project)
    await uow.keys.add(
        ApiKey(
            id=new_id(),
            project_id=project.id,
            organisation_id=organisation.id,
            name="first admin key",
            prefix=material.prefix,
            secret_hash=material.digest,
            created_by="service:gateway",
            created_at=now,
            updated_at=now,
            scopes=[EVERYTHING],
            reach=Reach.ORGANISATION,
        )
    )
    await uow.publish(events.project_created(project))
    return project


def _write_pending(home: Path, material: KeyMaterial, url: str) -> Path | None:
    path = home / f".{CREDENTIALS}.{material.prefix}.{os.getpid()}"
    return _write(path, {"url": url, "api_key": material.text, "project": DEFAULT})


def _write(path: Path, credentials: Mapping[str, str]) -> Path | None:
    text = json.dumps(credentials, indent=2) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:  # a read-only container: the key is only printed
        log.warning("credentials.unwritten", path=str(path), error=str(error))
        return None
    return path


def _publish(pending: Path, home: Path) -> Path:
    target = home / CREDENTIALS
    pending.replace(target)
    return target


def _discard(pending: Path | None) -> None:
    if pending is not None:
        pending.unlink(missing_ok=True)


async def _recover_credentials(uow: GatewayUnitOfWork, home: Path) -> None:
    """Put the file in place that a process left which died right after its first run."""
    for pending in _pending(home):
        prefix = pending.name.split(".")[-2]
        if await uow.keys.of_prefix(prefix) is not None:
            _publish(pending, home)
            return


def _pending(home: Path) -> list[Path]:
    return [] if (home / CREDENTIALS).exists() else sorted(home.glob(f".{CREDENTIALS}.*"))
