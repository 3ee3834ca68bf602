"""Predictions that go on while versions of opposite answers are swapped under them."""

import asyncio
from collections import Counter

from harness import constants

from performance.load.client import Client, RequestFailedError
from performance.load.labour import OPPOSITES, deployed, happens
from performance.load.plan import Plan
from performance.load.readers import News

PAUSE_SECONDS = 0.1
SWAP_SECONDS = 5.0
PREDICT = "predictions"


class Soak:
    """A few deployments, swapped one after the other and predicted all the time.

    ``answers`` counts by version what was answered, ``swaps`` what was swapped.
    """

    def __init__(self, client: Client, news: News, plan: Plan) -> None:
        self._client, self._news, self._plan = client, news, plan
        self.answers: Counter[int] = Counter()
        self.swaps = 0

    async def prepare(self) -> None:
        """Deploy the first version everywhere."""
        for name in self._names():
            if not await deployed(self._client, self._news, "deployments", name, OPPOSITES, 1):
                raise RuntimeError(f"{name} cannot be deployed: {dict(self._client.tally.examples)}")

    async def run(self, over: asyncio.Event) -> None:
        """Go on until it is over; what is on its way then ends."""
        await asyncio.gather(
            *(self._swap(name, over) for name in self._names()),
            *(self._predict(first, over) for first in range(self._plan.predicting)),
        )

    def _names(self) -> list[str]:
        return [f"swapped-{number}" for number in range(self._plan.swapped)]

    async def _swap(self, name: str, over: asyncio.Event) -> None:
        version = 1
        while not await happens(over, SWAP_SECONDS):
            try:
                if await deployed(self._client, self._news, "swaps", name, OPPOSITES, 3 - version):
                    version, self.swaps = 3 - version, self.swaps + 1
            except RequestFailedError:
                continue

    async def _predict(self, first: int, over: asyncio.Event) -> None:
        names, turn = self._names(), first
        while not await happens(over, PAUSE_SECONDS):
            turn += 1
            try:
                await self._ask(names[turn % len(names)])
            except RequestFailedError:
                continue

    async def _ask(self, name: str) -> None:
        body = {"rows": constants.ROWS}
        answer = await self._client.ask(PREDICT, "POST", f"/deployments/{name}/predict", json=body)
        version = answer["model_version"]
        self.answers[version] += 1
        if answer["predictions"] != constants.ANSWERS.get(version):
            self._client.tally.fail(PREDICT, "answer of another version", str(answer))
