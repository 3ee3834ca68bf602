"""Finding the operation of a request by its raw path: strict, so that door and service never read one differently."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from skyulf_service.errors import NotFoundError
from skyulf_service.http.openapi import Route

from skyulf_gateway.domain.errors import MethodNotAllowedError

LONGEST_PATH = 4096
MOST_REMEMBERED = 2048
# Encoded dots, slashes, backslashes, NUL and control characters have no place in a path of ours: a service that
# decoded and normalised them would see another path than the one that was checked here.
_REFUSED = re.compile(
    rb"%(?:2[eEfF]|5[cC]|7[fF]|[01][0-9a-fA-F]|(?![0-9a-fA-F]{2}))|[^\x21-\x7e]|[\\;]|//|/\.{1,2}(?:/|$)"
)


@dataclass(frozen=True, slots=True)
class Match:
    """The operation of a request, and the values of its path's parameters as they were sent."""

    route: Route
    parameters: tuple[str, ...]

    def objects(self) -> dict[str, str]:
        """The parameters by name."""
        names = re.findall(r"\{([^}:]+)", self.route.path)
        return dict(zip(names, self.parameters, strict=False))


@dataclass(slots=True)
class _Node:
    literal: dict[bytes, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    rest: dict[str, Route] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)


class PathTable:
    """All operations of all services, as a tree of path segments. A literal segment goes before a parameter."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._root = _Node()
        self._recent: dict[tuple[str, bytes], Match] = {}
        for route in self.routes:
            self._add(route)

    @property
    def permissions(self) -> frozenset[str]:
        """Every permission that some operation needs."""
        return frozenset(route.permission for route in self.routes if ":" in route.permission)

    def find(self, method: str, raw_path: bytes) -> Match:
        """Return the operation, or raise `NotFoundError` or `MethodNotAllowedError`."""
        match = self._recent.get((method, raw_path))
        if match is None:
            match = self._search(method, raw_path)
            if len(self._recent) >= MOST_REMEMBERED:
                self._recent.clear()
            self._recent[method, raw_path] = match
        return match

    def _search(self, method: str, raw_path: bytes) -> Match:
        if len(raw_path) > LONGEST_PATH or _REFUSED.search(raw_path):
            raise NotFoundError("There is nothing at this path; it must be in its plain form.")
        found: list[tuple[_Found, tuple[str, ...]]] = []
        _collect(self._root, raw_path.split(b"/")[1:], 0, (), found)
        for routes, parameters in found:
            if method in routes:
                return Match(routes[method], parameters)
        if not found:
            raise NotFoundError(f"There is nothing at {raw_path.decode('ascii')}.")
        raise MethodNotAllowed(sorted({name for routes, _ in found for name in routes}))

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in route.path.split("/")[1:]:
            if segment.endswith(":path}"):
                node.rest[route.method] = route
                return
            if segment.startswith("{"):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literal.setdefault(segment.encode(), _Node())
        node.routes[route.method] = route


_Found = Mapping[str, Route]


class MethodNotAllowed(MethodNotAllowedError):
    """The path's other methods, for the header ``Allow``."""

    def __init__(self, allowed: list[str]) -> None:
        super().__init__(f"This path answers {', '.join(allowed)}.")
        self.allowed = ", ".join(allowed)


def _collect(
    node: _Node,
    segments: list[bytes],
    at: int,
    parameters: tuple[str, ...],
    found: list[tuple[_Found, tuple[str, ...]]],
) -> None:
    """Add what the path means below a node, best match first."""
    if at == len(segments):
        if node.routes:
            found.append((node.routes, parameters))
        return
    segment = segments[at]
    child = node.literal.get(segment)
    if child is not None:
        _collect(child, segments, at + 1, parameters, found)
    if node.parameter is not None and segment:
        _collect(node.parameter, segments, at + 1, (*parameters, segment.decode("ascii")), found)
    if node.rest and segment:
        found.append((node.rest, (*parameters, b"/".join(segments[at:]).decode("ascii"))))
