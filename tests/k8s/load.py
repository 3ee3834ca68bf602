"""A model that answers, and asking it all the time while something is replaced."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from harness import configs, flights
from harness.api import Api

PAUSE_SECONDS = 0.02


def serve(api: Api, name: str) -> None:
    """From a file to a deployment that is ready, with what runs now."""
    dataset = api.ready_dataset(flights.csv(flights.training()), name=name)
    version = api.train(configs.logistic(), dataset["id"], register_as=name)
    assert api.deploy(name, name, version["version"])["status"] == "ready"


@dataclass
class Asked:
    """What came of it: ``wrong`` says of each failure what it was."""

    right: int = 0
    wrong: Counter[str] = field(default_factory=Counter)

    def note(self, ask: Callable[[], httpx.Response], expected: object) -> None:
        """Ask once."""
        try:
            answer = ask()
        except httpx.HTTPError as error:
            self.wrong[repr(error)] += 1
            return
        if answer.status_code == 200 and answer.json()["predictions"] == expected:
            self.right += 1
        else:
            self.wrong[f"{answer.status_code} {answer.text[:500]}"] += 1


@contextmanager
def asking(ask: Callable[[], httpx.Response], expected: object, *, threads: int = 2) -> Iterator[list[Asked]]:
    """Ask for predictions until the block ends, in some threads; each notes what it got."""
    over, asked = threading.Event(), [Asked() for _ in range(threads)]

    def go_on(mine: Asked) -> None:
        while not over.wait(PAUSE_SECONDS):
            mine.note(ask, expected)

    running = [threading.Thread(target=go_on, args=[mine]) for mine in asked]
    for thread in running:
        thread.start()
    try:
        yield asked
    finally:
        over.set()
        for thread in running:
            thread.join()
