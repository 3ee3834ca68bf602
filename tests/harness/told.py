"""What the tests of the whole story look at."""

from dataclasses import dataclass

import polars as pl

from harness import flights
from harness.api import Api, Json
from harness.form import Announced, Skyulf
from harness.stream import Seen


@dataclass
class Told:
    """What happened, in the order in which it did."""

    skyulf: Skyulf
    api: Api
    trace_id: str
    data: bytes
    dataset: Json
    pipelines: dict[str, Json]
    jobs: dict[str, Json]
    versions: dict[str, Json]
    deployments: dict[str, Json]
    asked: pl.DataFrame
    events: list[Seen]
    connections: int
    seconds: float
    announced: list[Announced]

    @property
    def rows(self) -> list[Json]:
        """The held-out flights, each with its keys in an order of its own."""
        return flights.shuffled(self.asked)
