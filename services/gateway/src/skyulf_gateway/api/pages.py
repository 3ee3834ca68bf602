"""Pages for people: the API's description (offline) and what each kind of problem means."""

import html
import json
from collections.abc import Iterator, Mapping
from importlib.resources import files

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from skyulf_service.errors import SkyulfError
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp

PACKAGED = "problems.json"
# The first segments of the paths that the pages answer.
SEGMENTS = ("docs", "redoc", "openapi.json", "static-offline-docs", "problems")


def pages(document: dict[str, object]) -> Mapping[str, ASGIApp]:
    """The apps behind the first segments of the pages' paths."""
    app: FastAPI = FastAPIOffline(title="Skyulf")
    app.openapi = lambda: document  # type: ignore[method-assign]  # FastAPI's documented way
    known = problem_kinds()

    @app.get("/problems", include_in_schema=False)
    async def list_problems() -> HTMLResponse:
        rows = "".join(f'<li><a href="/problems/{code}">{code}</a></li>' for code in sorted(known))
        return _page("Problems", f"<ul>{rows}</ul>")

    @app.get("/problems/{code}", include_in_schema=False)
    async def show_problem(code: str) -> HTMLResponse:
        kind = known.get(code)
        if kind is None:
            return _page("There is no such problem", '<p><a href="/problems">All problems</a></p>', status=404)
        text = f"<p>HTTP status {kind['status']}, code <code>{code}</code></p><p>{html.escape(kind['meaning'])}</p>"
        return _page(kind["title"], text)

    return dict.fromkeys(SEGMENTS, app)


def problem_kinds() -> dict[str, dict[str, str]]:
    """What is known of every code: the committed list, and the errors of this process."""
    file = files("skyulf_gateway") / PACKAGED
    listed: list[dict[str, object]] = json.loads(file.read_text()) if file.is_file() else []
    found = {str(kind["code"]): {key: str(value) for key, value in kind.items()} for kind in listed}
    for error in _kinds(SkyulfError):
        meaning = " ".join((error.__doc__ or error.title).split())
        found[error.code] = {"status": str(error.status), "title": error.title, "meaning": meaning}
    return found


def _kinds(parent: type[SkyulfError]) -> Iterator[type[SkyulfError]]:
    for child in parent.__subclasses__():
        # the nearest to the root that has a code gives it its meaning, so it comes last
        yield from _kinds(child)
        if "code" in vars(child):
            yield child


def _page(title: str, text: str, *, status: int = 200) -> HTMLResponse:
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
    return HTMLResponse(f"{head}<h1>{html.escape(title)}</h1>{text}</html>", status_code=status)
