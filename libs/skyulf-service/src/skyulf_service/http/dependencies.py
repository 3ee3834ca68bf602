"""What endpoints ask for by type: scope, unit of work, page, precondition."""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Query
from starlette.requests import HTTPConnection

from skyulf_service.database.pagination import MAX_LIMIT
from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.errors import (
    FieldProblem,
    InvalidInputError,
    PreconditionFailedError,
    PreconditionRequiredError,
)
from skyulf_service.http.identity import identify
from skyulf_service.scope import Scope

U = TypeVar("U", bound=UnitOfWork)

_ETAG = re.compile(r'(?:W/)?"(\d{1,18})"')


async def current_scope(connection: HTTPConnection) -> Scope:
    """The principal of the request and the project that it acts in."""
    return await identify(connection)


CurrentScope = Annotated[Scope, Depends(current_scope)]


def unit_of_work(kind: type[U]) -> Callable[[HTTPConnection], AsyncIterator[U]]:
    """A write transaction around the endpoint; use with ``scope="function"``, so that it commits before the answer.

    ``Uow = Annotated[RegistryUnitOfWork, Depends(unit_of_work(RegistryUnitOfWork), scope="function")]``
    """

    async def open_unit(connection: HTTPConnection) -> AsyncIterator[U]:
        async with connection.app.state.uows() as uow:
            if not isinstance(uow, kind):
                raise TypeError(f"the app was built with units of {type(uow).__name__}, not {kind.__name__}")
            yield uow

    return open_unit


def read_unit_of_work(kind: type[U]) -> Callable[[HTTPConnection], AsyncIterator[U]]:
    """As `unit_of_work`, for endpoints that only read (a replica may answer)."""

    async def open_unit(connection: HTTPConnection) -> AsyncIterator[U]:
        async with connection.app.state.uows.read() as uow:
            if not isinstance(uow, kind):
                raise TypeError(f"the app was built with units of {type(uow).__name__}, not {kind.__name__}")
            yield uow

    return open_unit


def etag(version: int) -> str:
    """The ``ETag`` of an aggregate's version."""
    return f'"{version}"'


@dataclass(frozen=True, slots=True)
class ExpectedVersion:
    """The versions that the caller is ready to change; None stands for any (``*``)."""

    versions: frozenset[int] | None

    def check(self, version: int) -> None:
        """Raise `PreconditionFailedError` unless ``version`` is one of them."""
        if self.versions is not None and version not in self.versions:
            raise PreconditionFailedError(f"It is at version {version} by now; read it again, then repeat the change.")


async def expected_version(
    if_match: Annotated[
        str | None, Header(alias="If-Match", max_length=200, description="The ETag of the version to change")
    ] = None,
) -> ExpectedVersion:
    """Read ``If-Match``; without it the request is refused (428)."""
    if if_match is None:
        raise PreconditionRequiredError("Say which version is changed: send the ETag of the last read as If-Match.")
    if if_match.strip() == "*":
        return ExpectedVersion(None)
    found = [_ETAG.fullmatch(tag.strip()) for tag in if_match.split(",")]
    if not all(found):
        problem = FieldProblem("/header/If-Match", 'is not an ETag such as "3"', "invalid-etag")
        raise InvalidInputError("If-Match must be an ETag as this API gives it out.", errors=[problem])
    return ExpectedVersion(frozenset(int(match.group(1)) for match in found if match))


IfMatch = Annotated[ExpectedVersion, Depends(expected_version)]


@dataclass(frozen=True, slots=True)
class PageParams:
    """Which page of a list is wanted."""

    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items per page")] = 50
    cursor: Annotated[
        str | None, Query(max_length=1024, description="Where to go on: `next_cursor` of the page before")
    ] = None


PageQuery = Annotated[PageParams, Depends()]
