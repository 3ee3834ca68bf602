"""The project that is meant, and a key for it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from skyulf_client import Skyulf, SkyulfApiError
from skyulf_client.answers import Answer, Page, Project

from skyulf_standalone.moving.errors import MovingError

A = TypeVar("A", bound=Answer)
READS = ("datasets:read", "pipelines:read", "jobs:read", "models:read")
WRITES = (*READS, "datasets:write", "pipelines:write", "pipelines:delete", "models:write", "models:deploy")
KEY_LIVES = timedelta(days=1)


@contextmanager
def working_in(skyulf: Skyulf, slug: str, scopes: Sequence[str], *, make: bool = False) -> Iterator[Skyulf]:
    """A client of the project with this slug: the same one, or one with a key that is revoked at the end.

    The latter needs a key of the organisation, as does making a project that is missing.
    """
    own = skyulf.keys.me().project
    if own.slug == slug:
        yield skyulf
        return
    project = next((each for each in everything(skyulf.projects.list) if each.slug == slug), None)
    if project is None:
        project = _made(skyulf, slug, own) if make else None
    if project is None:
        raise MovingError(f"There is no project {slug!r} that this key reaches; its own is {own.slug!r}.")
    expires = datetime.now(UTC) + KEY_LIVES
    key = skyulf.keys.create("skyulf export or import", scopes=scopes, expires_at=expires, project_id=project.id)
    try:
        with Skyulf(skyulf.url, key.key) as inside:
            yield inside
    finally:
        skyulf.keys.revoke(key.id)


def everything(list_page: Callable[..., Page[A]], **filters: str) -> list[A]:
    """All items of a list, the oldest first."""
    found: list[A] = []
    cursor: str | None = None
    while True:
        page = list_page(limit=200, cursor=cursor, **filters)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found[::-1]


def _made(skyulf: Skyulf, slug: str, own: Project) -> Project:
    try:
        return skyulf.projects.create(slug)
    except SkyulfApiError as error:
        if error.status != 403:
            raise
        raise MovingError(
            f"The key may not make the project {slug!r}; use a key of the organisation, or import into the key's own "
            f"project with --as {own.slug}."
        ) from error
