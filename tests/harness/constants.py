"""Two versions of one model that never agree on a row, so that an answer shows who gave it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from harness.api import Api, Json
from harness.configs import tiny, tiny_data

ROWS: list[Json] = [{"x": 6, "y": 4}, {"x": 0, "y": 4}]
ANSWERS = {1: ["yes", "no"], 2: ["no", "yes"]}


def opposites(api: Api, name: str) -> None:
    """Register versions 1 and 2 of a model; they answer `ROWS` with `ANSWERS`."""
    straight = tiny_data()
    flipped = straight.replace(b"yes", b"maybe").replace(b"no", b"yes").replace(b"maybe", b"no")
    pipeline = api.ok("POST", "/pipelines", json={"name": name, "config": tiny(), "register_as": name})
    for version, data in enumerate((straight, flipped), start=1):
        made = api.run(pipeline["id"], api.ready_dataset(data)["id"])
        assert made["version"] == version, made


def check(answer: Json) -> int:
    """Return the version that an answer names; it must be the one that gave it."""
    version: int = answer["model_version"]
    assert answer["predictions"] == ANSWERS[version], answer
    return version


@contextmanager
def always_answered(api: Api, name: str) -> Iterator[list[int]]:
    """Predict without a pause; gives the versions that answered. What was not answered is raised at the end."""
    answers, failures, over = list[int](), list[BaseException](), threading.Event()

    def run() -> None:
        try:
            while not over.is_set():
                answers.append(check(api.predict(name, ROWS)))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join(60)
    if failures:
        raise failures[0]
