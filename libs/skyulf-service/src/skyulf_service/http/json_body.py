"""Reading JSON bodies strictly: no NaN, Infinity, lone surrogates, NUL, oversized integers or abysmal nesting."""

import json
import math
import re
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import JsonValue

from skyulf_service.errors import FieldProblem, InvalidInputError
from skyulf_service.http.limits import BodyLimit
from skyulf_service.http.routes import RouteTable
from skyulf_service.http.validation import pointer

LARGEST = 2**63 - 1
SMALLEST = -(2**63)

# Only bodies with one of these need the slow look: orjson lets \\u0000 pass and rounds integers beyond 64 bits.
_SUSPICIOUS = re.compile(rb"\\u0000|\d{19}")


def parse_json(body: bytes) -> JsonValue:
    """Parse JSON text, or raise `json.JSONDecodeError` or `InvalidInputError` (with a pointer to the value)."""
    try:
        parsed: JsonValue = orjson.loads(body)
    except json.JSONDecodeError:
        _refuse_not_finite(body)
        raise
    if _SUSPICIOUS.search(body):
        exact: JsonValue = json.loads(body, parse_int=_whole_number)
        _refuse_bad_values(exact)
        return exact
    return parsed


def read_json(body: bytes) -> JsonValue:
    """As `parse_json`, for endpoints that read their body themselves: whatever is wrong is `InvalidInputError`."""
    try:
        return parse_json(body)
    except json.JSONDecodeError as error:
        problem = FieldProblem("", f"{error.msg} (character {error.pos})", "json-invalid")
        raise InvalidInputError(
            "The body is not valid JSON; NaN and Infinity are not either.", errors=[problem]
        ) from None


class StrictRequest(Request):
    """A request whose ``json()`` is `parse_json`."""

    _json: JsonValue

    async def json(self) -> JsonValue:
        """Return the parsed body."""
        if not hasattr(self, "_json"):
            self._json = parse_json(await self.body())
        return self._json


class StrictRoute(APIRoute):
    """A route that checks identity, permission and size before it reads the body, and then reads it strictly.

    It has no state of its own, so that `create_app` can make plain routes into it: nobody can forget it.
    """

    # The signature is FastAPI's.
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            await admit(request)
            return await handle(StrictRequest(request.scope, request.receive))

        return strict


async def admit(request: Request) -> None:
    """Refuse a request whose address is bad or whose principal may not use its route; set the route's size limit."""
    _refuse_nul(request)
    table: RouteTable = request.app.state.route_table
    entry = table.find(request.scope)
    if entry is not None:
        await entry.access.authorise(request)
        BodyLimit.of(request.scope).raise_to(entry.access.max_body_bytes)


class _Beyond64Bits(str):
    """The digits of a whole number that is too large."""

    __slots__ = ()


def _whole_number(digits: str) -> int | _Beyond64Bits:
    if len(digits) > 20 or not SMALLEST <= int(digits) <= LARGEST:
        return _Beyond64Bits(digits)
    return int(digits)


def _refuse_not_finite(body: bytes) -> None:
    """Other programs write NaN and Infinity into what they call JSON: then say where. Silent about other faults."""
    try:
        lenient: JsonValue = json.loads(body, parse_int=_whole_number)
    except (ValueError, RecursionError):
        return
    _refuse_bad_values(lenient)


def _refuse_bad_values(document: JsonValue) -> None:
    """Find what JSON text may hold and Skyulf refuses; a stack of our own, as the nesting may be deep."""
    waiting: list[tuple[tuple[str | int, ...], JsonValue]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, _Beyond64Bits):
            shortened = value if len(value) <= 24 else f"{value[:24]}…"
            problem = FieldProblem(pointer(path), f"the number {shortened} is beyond 64 bits", "number-too-large")
            raise InvalidInputError("A whole number in the body is beyond 64 bits.", errors=[problem])
        if isinstance(value, str):
            _refuse_nul_text(path, value)
        elif isinstance(value, float) and not math.isfinite(value):
            said = "is not a finite number; JSON has no NaN and no Infinity, a missing value is null"
            problem = FieldProblem(pointer(path), said, "not-finite")
            raise InvalidInputError("The body holds a number that is not finite.", errors=[problem])
        elif isinstance(value, list):
            waiting.extend(((*path, index), item) for index, item in enumerate(value))
        elif isinstance(value, dict):
            for key, item in value.items():
                _refuse_nul_text(path, key)
                waiting.append(((*path, key), item))


def _refuse_nul_text(path: tuple[str | int, ...], text: str) -> None:
    if "\x00" in text:
        problem = FieldProblem(pointer(path), "contains the character NUL", "nul-character")
        raise InvalidInputError("Text must not contain the character NUL (\\u0000).", errors=[problem])


def _refuse_nul(request: Request) -> None:
    if "\x00" in request.scope["path"] or b"%00" in request.scope.get("query_string", b""):
        raise InvalidInputError("The address must not contain the character NUL (%00).")
