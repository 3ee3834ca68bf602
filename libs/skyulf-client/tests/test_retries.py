"""What is sent again, what is not, and when it is given up."""

import pytest
from pydantic import BaseModel
from skyulf_client import Retries, SkyulfApiError, SkyulfClientError, SkyulfConnectionError
from skyulf_client.operations import Attempt, Effect, Reply, Request, Sleep, Steps, attempts, keyed, send

OK = Reply(200, {}, b"{}")
BUSY = Reply(503, {"retry-after": "2"}, b'{"type":"/problems/unavailable","detail":"Later."}')
LOST = SkyulfConnectionError("lost", unsent=False)
REFUSED = SkyulfConnectionError("refused", unsent=True)
GET = Request("GET", "/datasets")
POST = Request("POST", "/pipelines", headers=keyed("POST"))
PATCH = Request("PATCH", "/deployments/late", headers={"If-Match": '"1"'})


class Played:
    """Plays the network: one outcome after the other; remembers what was sent and slept."""

    def __init__(self, *outcomes: Reply | SkyulfClientError) -> None:
        self.outcomes = list(outcomes)
        self.sent: list[Request] = []
        self.slept: list[float] = []

    def drive(self, steps: Steps[Reply]) -> Reply:
        effect: Effect = next(steps)
        while True:
            try:
                effect = self.after(steps, effect)
            except StopIteration as end:
                reply: Reply = end.value
                return reply

    def after(self, steps: Steps[Reply], effect: Effect) -> Effect:
        if isinstance(effect, Sleep):
            self.slept.append(effect.seconds)
            return steps.send(None)
        assert isinstance(effect, Attempt)
        self.sent.append(effect.request)
        outcome = self.outcomes.pop(0)
        return steps.send(outcome) if isinstance(outcome, Reply) else steps.throw(outcome)


@pytest.mark.parametrize("request_", [GET, POST, PATCH], ids=["get", "post", "patch"])
@pytest.mark.parametrize("trouble", [REFUSED, BUSY], ids=["refused", "busy"])
def test_what_had_no_effect_is_sent_again(request_: Request, trouble: Reply | SkyulfClientError) -> None:
    network = Played(trouble, trouble, OK)

    assert network.drive(attempts(request_, Retries())) is OK

    assert network.sent == [request_] * 3


@pytest.mark.parametrize("request_", [GET, POST], ids=["get", "post"])
def test_a_lost_answer_is_asked_for_again_where_that_has_no_second_effect(request_: Request) -> None:
    network = Played(LOST, OK)

    assert network.drive(attempts(request_, Retries())) is OK

    assert network.sent == [request_] * 2


@pytest.mark.parametrize("request_", [PATCH, Request("POST", "/pipelines")], ids=["patch", "post without key"])
def test_a_lost_answer_is_an_error_where_repeating_may_have_a_second_effect(request_: Request) -> None:
    network = Played(LOST, OK)

    with pytest.raises(SkyulfConnectionError):
        network.drive(attempts(request_, Retries()))

    assert len(network.sent) == 1


def test_the_server_decides_how_long_to_wait() -> None:
    network = Played(BUSY, OK)

    network.drive(attempts(GET, Retries(first_pause=0.1)))

    assert network.slept == [2.0]


def test_pauses_grow_up_to_the_longest_one() -> None:
    network = Played(*[REFUSED] * 7, OK)

    network.drive(attempts(GET, Retries(attempts=8, first_pause=1, longest_pause=4)))

    assert all(least <= slept <= 2 * least for slept, least in zip(network.slept, (0.5, 1, 2, 2, 2, 2, 2), strict=True))


@pytest.mark.parametrize("trouble", [REFUSED, BUSY], ids=["refused", "busy"])
def test_it_is_given_up_in_the_end(trouble: Reply | SkyulfClientError) -> None:
    network = Played(*[trouble] * 3)

    with pytest.raises(SkyulfClientError):
        network.drive(attempts(GET, Retries(attempts=3)))

    assert len(network.sent) == 3


@pytest.mark.parametrize("status", [400, 404, 409, 422, 500, 503])
def test_a_refusal_without_retry_after_is_final(status: int) -> None:
    network = Played(Reply(status, {}, b""), OK)

    with pytest.raises(SkyulfApiError) as caught:
        network.drive(attempts(GET, Retries()))

    assert caught.value.status == status
    assert caught.value.code == f"http-{status}"
    assert len(network.sent) == 1


def test_every_post_has_a_key_of_its_own_and_keeps_it() -> None:
    first, second = (next(send(BaseModel, "POST", "/pipelines", {})) for _ in range(2))
    assert isinstance(first, Request)
    assert isinstance(second, Request)
    network = Played(LOST, LOST, OK)

    network.drive(attempts(first, Retries()))

    assert {request.headers["Idempotency-Key"] for request in network.sent} == {first.headers["Idempotency-Key"]}
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]


def test_a_problem_is_read_with_its_fields() -> None:
    body = b'{"type":"/problems/invalid-input","detail":"No.","errors":[{"pointer":"/name","detail":"is missing"}]}'

    error = SkyulfApiError.of(422, {"x-request-id": "r1"}, body)

    assert (error.status, error.code, error.detail, error.request_id) == (422, "invalid-input", "No.", "r1")
    assert [(problem.pointer, problem.detail) for problem in error.errors] == [("/name", "is missing")]


@pytest.mark.parametrize("body", [b"<html>502</html>", b"[]", b'{"errors": 1}', b'{"errors": [1, {}]}', b"\xff"])
def test_an_answer_of_somebody_else_is_told_by_its_status(body: bytes) -> None:
    assert SkyulfApiError.of(502, {}, body).detail == "The server answered with status 502."
