"""The models that this replica holds."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import perf_counter
from uuid import UUID
from weakref import WeakValueDictionary

from skyulf_core.serving.explaining import PlanExplainer
from skyulf_core.serving.plan import PlanModel

from skyulf_inference.domain.errors import ArtifactRefusedError
from skyulf_inference.runtime.meters import (
    LOAD_SECONDS,
    LOADED,
    REFUSED,
    SERVED,
    PredictionMeter,
    Retirement,
    begin_measuring,
)


@dataclass(frozen=True, slots=True, weakref_slot=True)
class LoadedModel:
    """A model in memory, by its digest. It is freed when the last request that holds it has ended.

    ``project_id`` is the project that it was made for, as its signed manifest says.
    """

    digest: str
    project_id: str
    plan: PlanModel
    explainer: PlanExplainer

    def require_project(self, project_id: UUID) -> None:
        """Raise `ArtifactRefusedError` for every project but its own."""
        if self.project_id != str(project_id):
            raise ArtifactRefusedError("artifact-foreign", "The bundle was made for another project.")


@dataclass(frozen=True, slots=True)
class Live:
    """What answers predictions of a deployment. Swapping is replacing one of these by another."""

    serving_id: UUID
    deployment: str
    revision: int
    model: str
    model_version: int
    loaded: LoadedModel
    meter: PredictionMeter = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "meter", PredictionMeter(self.deployment, self.model, self.model_version))


Key = tuple[UUID, str]


class ModelShelf:
    """What is served now, by project and name; deployments of one digest share one copy.

    ``wanted`` is what shall be served (None: not known yet), ``loading`` what is on its way, ``outdated`` what is
    served though its deployment names another version by now.
    """

    def __init__(self) -> None:
        self.wanted: set[Key] | None = None
        self.loading: set[Key] = set()
        self.outdated: frozenset[Key] = frozenset()
        self._live: dict[Key, Live] = {}
        self._settled = asyncio.Condition()
        self._retirement = Retirement()
        begin_measuring()
        self._loaded: WeakValueDictionary[str, LoadedModel] = WeakValueDictionary()
        self._loading: dict[str, asyncio.Task[LoadedModel]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is served."""
        return not self._live

    def get(self, project_id: UUID, name: str) -> Live | None:
        """Return what answers, or None."""
        return self._live.get((project_id, name))

    def put(self, project_id: UUID, live: Live) -> None:
        """Serve this from now on; requests that hold the old one end with it."""
        self._live[project_id, live.deployment] = live

    async def wait_while_loading(self, key: Key, seconds: float) -> Live | None:
        """Wait for a model that is on its way; None where it did not come."""
        try:
            async with asyncio.timeout(seconds), self._settled:
                await self._settled.wait_for(lambda: key in self._live or key not in self.loading)
        except TimeoutError:
            return None
        return self._live.get(key)

    async def settle(self, key: Key) -> None:
        """Say that a load has ended, well or not."""
        self.loading.discard(key)
        async with self._settled:
            self._settled.notify_all()

    def keep_only(self, wanted: set[Key]) -> None:
        """Stop serving everything else."""
        self.wanted = wanted
        for key in [key for key in self._live if key not in wanted]:
            del self._live[key]
        SERVED.set(len(self._live))  # deployments of several projects may share all their labels
        self._retirement.look({live.meter.labels for live in self._live.values()})

    async def load_once(self, digest: str, load: Callable[[], Awaitable[LoadedModel]]) -> LoadedModel:
        """Return the model of a digest; however many ask at once, it is loaded once.

        Who may have it is for each who asks to check: whoever asked first may not be the one that it belongs to.
        """
        known = self._loaded.get(digest)
        if known is not None:
            return known
        task = self._loading.get(digest)
        if task is None:
            task = asyncio.create_task(self._load(digest, load), name=f"load {digest[:12]}")
            self._loading[digest] = task
            task.add_done_callback(lambda _: self._loading.pop(digest, None))
        return await asyncio.shield(task)

    async def _load(self, digest: str, load: Callable[[], Awaitable[LoadedModel]]) -> LoadedModel:
        began, outcome = perf_counter(), REFUSED
        try:
            loaded = self._loaded[digest] = await load()
            outcome = LOADED
        finally:
            LOAD_SECONDS.labels(outcome).observe(perf_counter() - began)
        return loaded
