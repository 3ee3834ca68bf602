"""A replica makes itself what its own database says it shall be."""

import asyncio
from datetime import timedelta
from time import monotonic
from uuid import UUID

import structlog
from skyulf_service.database.hearing import Hearing
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.ids import new_id
from skyulf_service.telemetry.tracing import span, use_traceparent

from skyulf_inference.domain.errors import ArtifactRefusedError
from skyulf_inference.domain.serving import Dedication, ReplicaState, ReplicaStatus, Serving, Target
from skyulf_inference.persistence.unit_of_work import InferenceUnitOfWork
from skyulf_inference.runtime.artifacts import ArtifactLoader
from skyulf_inference.runtime.meters import SWAP_SECONDS
from skyulf_inference.runtime.models import Live, ModelShelf
from skyulf_inference.settings import InferenceSettings

_log = structlog.get_logger(__name__)
RETRY_FAILED_SECONDS = 15.0
# for news that were lost, and for loads to try again
UNTOLD_SECONDS = 2.0


class Reconciler:
    """Loads what shall be served aside, swaps it in, and says so. One per api process.

    It looks when a commit of inference's database is heard of, at every beat, and every ``untold_seconds``.
    """

    def __init__(
        self,
        uows: UnitOfWorks[InferenceUnitOfWork],
        shelf: ModelShelf,
        loader: ArtifactLoader,
        settings: InferenceSettings,
        *,
        untold_seconds: float = UNTOLD_SECONDS,
    ) -> None:
        self.replica_id: UUID = new_id()
        self._uows = uows
        self._shelf = shelf
        self._loader = loader
        self._settings = settings
        self._ttl = timedelta(seconds=settings.replica_ttl_seconds)
        self._only = Dedication(settings.only_deployment, settings.only_digest) if settings.only_deployment else None
        self._hearing = Hearing(uows.database)
        self._untold_seconds = untold_seconds
        self._beat_due = 0.0
        self._said: dict[UUID, ReplicaState] = {}
        self._loads: dict[UUID, tuple[int, asyncio.Task[None]]] = {}
        self._retry_at: dict[UUID, float] = {}
        self._caught_up = False

    async def run(self) -> None:
        """Reconcile until cancelled; a database that is away changes nothing of what is served."""
        try:
            async with self._hearing.open():
                await self._reconcile_forever()
        finally:
            for _, task in self._loads.values():
                task.cancel()
            await self._leave()

    async def _reconcile_forever(self) -> None:
        deaf = self._settings.reconcile_seconds
        while True:
            pause = deaf
            try:
                await self.reconcile()
                pause = min(max(self._beat_due - monotonic(), 0.0), self._untold_seconds)
            except Exception as error:
                _log.warning("replica.reconcile_failed", error=repr(error))
            await self._hearing.wait(pause, deaf=deaf)

    async def reconcile(self) -> None:
        """Look at the desired state once, and begin to load what is missing."""
        if monotonic() >= self._beat_due:
            async with self._uows() as uow:
                if await uow.replicas.beat(self.replica_id, self._ttl, self._only):
                    uow.tell()
            self._beat_due = monotonic() + self._ttl.total_seconds() / 4
        async with self._uows.read() as uow:
            servings = [serving for serving in await uow.servings.active() if self._is_mine(serving)]
        self._shelf.keep_only({(serving.project_id, serving.name) for serving in servings})
        self._shelf.outdated = frozenset(
            (serving.project_id, serving.name) for serving in servings if not self._is_wanted(serving)
        )
        for serving in servings:
            if serving.target is not None and self._is_wanted(serving) and self._is_due(serving):
                self._begin(serving, serving.target)
        self._caught_up = self._caught_up or not self._shelf.loading

    async def caught_up(self) -> bool:
        """Whether all that was wanted when the replica began has been loaded, or refused. Once so, it stays so."""
        return self._caught_up

    async def holds_its_own(self) -> bool:
        """Whether a dedicated replica holds a model."""
        return not self._shelf.is_empty

    def _is_mine(self, serving: Serving) -> bool:
        return self._only is None or serving.deployment_id == self._only.deployment_id

    def _is_wanted(self, serving: Serving) -> bool:
        # a dedicated replica goes on with its own artifact while its deployment names another
        return self._only is None or self._only.covers(serving)

    def _is_due(self, serving: Serving) -> bool:
        running = self._loads.get(serving.id)
        if running is not None and not running[1].done():
            if running[0] == serving.revision:
                return False
            running[1].cancel()
            return True
        said = self._said.get(serving.id)
        if said is None or said.revision != serving.revision:
            return True
        return said.status is ReplicaStatus.FAILED and monotonic() >= self._retry_at.get(serving.id, 0.0)

    def _begin(self, serving: Serving, target: Target) -> None:
        self._shelf.loading.add((serving.project_id, serving.name))
        task = asyncio.create_task(self._serve(serving, target), name=f"serve {serving.name}")
        self._loads[serving.id] = (serving.revision, task)

    async def _serve(self, serving: Serving, target: Target) -> None:
        state: tuple[ReplicaStatus, str | None, str | None] = ReplicaStatus.READY, None, None
        began = monotonic()
        facts: dict[str, str | int | float | bool] = {"skyulf.deployment": serving.name, "skyulf.model": target.model}
        try:
            with use_traceparent(serving.traceparent), span("model.swap", facts):
                await self._swap_in(serving, target)
        except ArtifactRefusedError as error:
            _log.warning("replica.load_refused", deployment=serving.name, code=error.code, reason=error.message)
            state = ReplicaStatus.FAILED, error.code, error.message
        except Exception as error:
            _log.exception("replica.load_failed", deployment=serving.name)
            state = ReplicaStatus.FAILED, "load-failed", f"The model could not be loaded: {type(error).__name__}."
        finally:
            if not self._is_superseded(serving):  # else those who wait for a model wait for the newer one
                await self._shelf.settle((serving.project_id, serving.name))
        SWAP_SECONDS.labels(state[0].value).observe(monotonic() - began)
        self._retry_at[serving.id] = monotonic() + RETRY_FAILED_SECONDS
        live = self._shelf.get(serving.project_id, serving.name)
        said = ReplicaState(
            replica_id=self.replica_id,
            serving_id=serving.id,
            revision=serving.revision,
            status=state[0],
            serving_revision=live.revision if live else None,
            error_code=state[1],
            error_message=state[2],
        )
        await self._say(said)

    def _is_superseded(self, serving: Serving) -> bool:
        return self._loads[serving.id][1] is not asyncio.current_task()

    async def _swap_in(self, serving: Serving, target: Target) -> None:
        patience = monotonic() + self._settings.artifact_patience_seconds
        digest = target.artifact.digest
        while True:
            try:
                loaded = await self._shelf.load_once(digest, lambda: self._loader.load(target.artifact))
                loaded.require_project(serving.project_id)
                break
            except ArtifactRefusedError as error:
                if not error.passing or monotonic() >= patience:
                    raise
                await asyncio.sleep(0.5)
        live = Live(serving.id, serving.name, serving.revision, target.model, target.model_version, loaded)
        self._shelf.put(serving.project_id, live)
        _log.info("replica.serving", deployment=serving.name, revision=serving.revision, digest=digest[:12])

    async def _say(self, state: ReplicaState) -> None:
        self._said[state.serving_id] = state
        while True:
            try:
                async with self._uows() as uow:
                    await uow.replicas.say(state)
                    uow.tell()
            except Exception as error:
                _log.warning("replica.say_failed", error=repr(error))
                await asyncio.sleep(0.5)
            else:
                return

    async def _leave(self) -> None:
        try:
            async with self._uows() as uow:
                await uow.replicas.leave(self.replica_id)
                uow.tell()
        except Exception as error:
            _log.info("replica.left_silently", error=repr(error))
