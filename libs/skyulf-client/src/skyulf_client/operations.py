"""Operations without input or output: what to ask, in which order, and what to make of the answers.

An operation is a generator that yields requests (and pauses) and is sent the replies. The transports drive it, one with
blocking calls and one with awaited ones, so every operation is written once and both clients have it.
"""

import random
from collections.abc import Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, field
from functools import update_wrapper
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeAlias, TypeVar, overload
from uuid import uuid4

from pydantic import BaseModel, JsonValue

from skyulf_client.errors import SkyulfApiError, SkyulfConnectionError

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")
Value: TypeAlias = str | int | bool | None
Progress: TypeAlias = Callable[[int, int], None]

_REPEATABLE = frozenset({"GET", "PUT", "DELETE"})
_COME_BACK = frozenset({409, 429, 503})


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as a request's body; ``on_progress`` is told the bytes sent and the bytes of the file."""

    path: Path
    content_type: str
    on_progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One request; its path begins behind ``/api/v1``. ``effect``: whether it changes anything at the server.

    The body of a success is written into ``download`` where that is named; the reply has none then.
    """

    method: str
    path: str
    query: Mapping[str, Value | list[str]] = field(default_factory=dict)
    json: JsonValue | None = None
    upload: Upload | None = None
    download: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    effect: bool = True

    def repeatable(self) -> bool:
        """Whether sending it twice has the effect of sending it once."""
        return not self.effect or self.method in _REPEATABLE or "Idempotency-Key" in self.headers


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Attempt:
    """Send a request once."""

    request: Request


@dataclass(frozen=True, slots=True)
class Sleep:
    """Pause, in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is sent at most, and how long the pauses in between are (seconds, doubled each time)."""

    attempts: int = 6
    first_pause: float = 0.25
    longest_pause: float = 5.0

    def pause(self, attempt: int) -> float:
        """The pause behind an attempt (counted from 0), drawn at random so that clients do not come back together."""
        longest = min(self.longest_pause, self.first_pause * 2.0**attempt)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


Effect: TypeAlias = Request | Attempt | Sleep
Steps: TypeAlias = Generator[Effect, Reply | None, T]


def ask(request: Request) -> Steps[Reply]:
    """Send a request, with retries, and return the answer; a refusal raises `SkyulfApiError`."""
    reply = yield request
    if reply is None:
        raise RuntimeError("a transport answered a request with nothing")
    return reply


def get(model: type[M], path: str, **query: Value | list[str]) -> Steps[M]:
    """Read a resource."""
    return model.model_validate_json((yield from ask(Request("GET", path, query))).body)


def send(model: type[M], method: str, path: str, json: JsonValue | None = None, **headers: str) -> Steps[M]:
    """Send a body and read the resource that it makes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return model.model_validate_json(
        (yield from ask(Request(method, path, json=json, headers=keyed(method, named)))).body
    )


def keyed(method: str, headers: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """Headers with an Idempotency-Key for a POST."""
    return {"Idempotency-Key": str(uuid4()), **(headers or {})} if method == "POST" else dict(headers or {})


def attempts(request: Request, retries: Retries) -> Steps[Reply]:
    """Send a request until it is answered. Repeats only what is safe to repeat, and what the server asks to repeat."""
    for attempt in range(retries.attempts):
        last = attempt == retries.attempts - 1
        try:
            reply = yield Attempt(request)
        except SkyulfConnectionError as error:
            if last or not (error.unsent or request.repeatable()):
                raise
            yield Sleep(retries.pause(attempt))
            continue
        if reply is None or reply.status < 400:
            break
        problem = SkyulfApiError.of(reply.status, reply.headers, reply.body)
        if last or problem.status not in _COME_BACK or problem.retry_after is None:
            raise problem
        yield Sleep(max(min(problem.retry_after, retries.longest_pause), retries.pause(attempt)))
    if reply is None:
        raise RuntimeError("a transport answered an attempt with nothing")
    return reply


class Blocking(Protocol):
    """A resource of the blocking client."""

    def drive(self, steps: Steps[T]) -> T:
        """Do the steps."""
        ...


class Awaiting(Protocol):
    """A resource of the asynchronous client."""

    def drive_async(self, steps: Steps[T]) -> Coroutine[Any, Any, T]:
        """Do the steps."""
        ...


class operation(Generic[R, P, T]):
    """Makes a method of a generator of steps: blocking on the blocking client, awaited on the other one."""

    def __init__(self, steps: Callable[Concatenate[R, P], Steps[T]]) -> None:
        self.steps = steps
        self.__doc__ = steps.__doc__

    @overload
    def __get__(self, instance: None, owner: type[object]) -> Self: ...
    @overload
    def __get__(self, instance: Blocking, owner: type[object]) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: Awaiting, owner: type[object]) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(
        self, instance: Any, owner: type[object]
    ) -> "Self | Callable[P, T] | Callable[P, Coroutine[Any, Any, T]]":
        """Bind to a resource of either client."""
        if instance is None:
            return self
        drive = instance.drive if hasattr(instance, "drive") else instance.drive_async

        def bound(*args: P.args, **kwargs: P.kwargs) -> Any:
            return drive(self.steps(instance, *args, **kwargs))

        return update_wrapper(bound, self.steps)
