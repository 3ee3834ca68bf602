"""The two clients: `Skyulf` blocks, `AsyncSkyulf` is awaited; both have the same resources and operations."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from skyulf_client.answers import Explanations, Prediction
from skyulf_client.credentials import find_credentials
from skyulf_client.operations import Retries
from skyulf_client.resources.datasets import AsyncDatasets, Datasets
from skyulf_client.resources.deployments import AsyncDeployments, Deployments
from skyulf_client.resources.events import AsyncEvents, Events
from skyulf_client.resources.gateway import (
    AsyncDeadLetters,
    AsyncKeys,
    AsyncProjects,
    BlockingDeadLetters,
    Keys,
    Projects,
)
from skyulf_client.resources.jobs import AsyncJobs, Jobs
from skyulf_client.resources.models import AsyncModels, Models
from skyulf_client.resources.pipelines import AsyncNodes, AsyncPipelines, Nodes, Pipelines
from skyulf_client.transport import AsyncTransport, BlockingTransport


class Skyulf:
    """Skyulf with blocking calls. Without arguments: ``SKYULF_URL``, ``SKYULF_API_KEY``, else this machine's own.

    ::

        with Skyulf() as skyulf:
            dataset = skyulf.datasets.wait(skyulf.datasets.upload("flights.csv").id)
    """

    def __init__(self, url: str | None = None, api_key: str | None = None, *, retries: Retries | None = None) -> None:
        credentials = find_credentials(url, api_key)
        self.url = credentials.url
        self._transport = BlockingTransport(credentials, retries or Retries())
        self.datasets = Datasets(self._transport)
        self.nodes = Nodes(self._transport)
        self.pipelines = Pipelines(self._transport)
        self.jobs = Jobs(self._transport)
        self.models = Models(self._transport)
        self.deployments = Deployments(self._transport)
        self.events = Events(self._transport)
        self.keys = Keys(self._transport)
        self.projects = Projects(self._transport)
        self.dead_letters = BlockingDeadLetters(self._transport)

    def predict(self, name: str, rows: Sequence[Mapping[str, object]], *, intervals: bool = False) -> Prediction:
        """Predict rows with a deployment; the same as ``deployments.predict``."""
        return self.deployments.predict(name, rows, intervals=intervals)

    def explain(self, name: str, rows: Sequence[Mapping[str, object]]) -> Explanations:
        """Say why a deployment answers rows as it does; the same as ``deployments.explain``."""
        return self.deployments.explain(name, rows)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncSkyulf:
    """Skyulf with awaited calls; see `Skyulf`."""

    def __init__(self, url: str | None = None, api_key: str | None = None, *, retries: Retries | None = None) -> None:
        credentials = find_credentials(url, api_key)
        self.url = credentials.url
        self._transport = AsyncTransport(credentials, retries or Retries())
        self.datasets = AsyncDatasets(self._transport)
        self.nodes = AsyncNodes(self._transport)
        self.pipelines = AsyncPipelines(self._transport)
        self.jobs = AsyncJobs(self._transport)
        self.models = AsyncModels(self._transport)
        self.deployments = AsyncDeployments(self._transport)
        self.events = AsyncEvents(self._transport)
        self.keys = AsyncKeys(self._transport)
        self.projects = AsyncProjects(self._transport)
        self.dead_letters = AsyncDeadLetters(self._transport)

    async def predict(self, name: str, rows: Sequence[Mapping[str, object]], *, intervals: bool = False) -> Prediction:
        """Predict rows with a deployment; the same as ``deployments.predict``."""
        return await self.deployments.predict(name, rows, intervals=intervals)

    async def explain(self, name: str, rows: Sequence[Mapping[str, object]]) -> Explanations:
        """Say why a deployment answers rows as it does; the same as ``deployments.explain``."""
        return await self.deployments.explain(name, rows)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
