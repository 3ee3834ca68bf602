"""The client of the load sends again what was promised to be fit for it, and nothing else."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from skyulf_service.testing.ports import free_port

from performance.load.client import Client, RequestFailedError, Tally

Answers = Callable[[int], web.Response]


@asynccontextmanager
async def answering(answers: Answers, keys: list[str]) -> AsyncIterator[str]:
    """A server whose answer depends on how many requests came before; it notes their idempotency keys."""

    async def answer(request: web.Request) -> web.Response:
        keys.append(request.headers.get("Idempotency-Key", ""))
        return answers(len(keys) - 1)

    app, port = web.Application(), free_port()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def problem(status: int, code: str, **headers: str) -> web.Response:
    return web.json_response({"type": f"/problems/{code}"}, status=status, headers=headers)


def told_to_come_back(status: int) -> web.Response:
    return problem(status, "overloaded", **{"Retry-After": "0"})


async def ask(answers: Answers, *, patience: float = 5.0) -> tuple[object, Tally, list[str]]:
    keys: list[str] = []
    tally = Tally()
    async with answering(answers, keys) as url, Client(url, "sk_test", tally, patience=patience) as client:
        try:
            return await client.ask("uploads", "POST", "/datasets", data=b"x"), tally, keys
        except RequestFailedError:
            return None, tally, keys


@pytest.mark.parametrize("status", [429, 503])
async def test_a_promised_retry_is_made_with_the_same_key_and_counted(status: int) -> None:
    body, tally, keys = await ask(
        lambda before: told_to_come_back(status) if before < 2 else web.json_response({"id": 1})
    )

    assert body == {"id": 1}
    assert tally.retried == {("uploads", f"{status} overloaded"): 2}
    assert (len(keys), len(set(keys)), "" in keys) == (3, 1, False)
    assert (len(tally.took["uploads"]), tally.failed.total()) == (1, 0)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda: problem(503, "unavailable"), "503 unavailable"),
        (lambda: problem(500, "internal", **{"Retry-After": "0"}), "500 internal"),
        (lambda: problem(409, "conflict", **{"Retry-After": "0"}), "409 conflict"),
        (lambda: problem(502, "broken-off", **{"Retry-After": "0"}), "502 broken-off"),
    ],
)
async def test_what_nobody_promised_fails_at_once(answer: Callable[[], web.Response], kind: str) -> None:
    body, tally, keys = await ask(lambda _: answer())

    assert (body, len(keys)) == (None, 1)
    assert tally.failed == {("uploads", kind): 1}
    assert (tally.retried.total(), tally.took["uploads"]) == (0, [])


async def test_a_connection_that_breaks_off_is_a_failure() -> None:
    tally = Tally()
    async with Client(f"http://127.0.0.1:{free_port()}", "sk_test", tally) as client:
        with pytest.raises(RequestFailedError):
            await client.ask("uploads", "POST", "/datasets", data=b"x")

    assert list(tally.failed.values()) == [1]


async def test_who_is_told_to_come_back_for_ever_gives_up() -> None:
    body, tally, keys = await ask(lambda _: problem(503, "overloaded", **{"Retry-After": "1"}), patience=0.5)

    assert (body, len(keys)) == (None, 1)
    assert tally.failed == {("uploads", "gave up"): 1}


async def test_a_problem_that_is_fine_is_an_answer() -> None:
    keys: list[str] = []
    tally = Tally()
    async with (
        answering(lambda _: problem(409, "work-finished"), keys) as url,
        Client(url, "sk_test", tally) as client,
    ):
        body = await client.ask("cancels", "POST", "/jobs/1/cancel", fine=("work-finished",))

    assert body == {"type": "/problems/work-finished"}
    assert (len(keys), len(tally.took["cancels"]), tally.failed.total()) == (1, 1, 0)
