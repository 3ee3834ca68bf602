"""Composition root of inference."""

import sys
from collections.abc import Sequence
from functools import cache
from typing import cast

from fastapi import APIRouter
from skyulf_service.composition import Background, Parts, Service
from skyulf_service.http.health import Check
from skyulf_service.messaging.policy import Delivery
from skyulf_service.objects.cache import BlobCache
from skyulf_service.roles import run_service
from skyulf_service.signing.keys import PublicKeys
from skyulf_service.work.sweeper import Sweeper

from skyulf_inference.api import explanations, predictions
from skyulf_inference.consumers import consumers
from skyulf_inference.persistence.tables import messaging
from skyulf_inference.persistence.unit_of_work import InferenceUnitOfWork
from skyulf_inference.runtime.artifacts import ArtifactLoader
from skyulf_inference.runtime.models import ModelShelf
from skyulf_inference.service.announce import Announcer
from skyulf_inference.service.explain import Explainers
from skyulf_inference.service.measuring import replicas_of
from skyulf_inference.service.predict import Predictor
from skyulf_inference.service.reconcile import Reconciler
from skyulf_inference.settings import SIGNERS, InferenceSettings


def replica(parts: Parts[InferenceUnitOfWork]) -> tuple[ModelShelf, Reconciler, Predictor]:
    """What one api process holds: the models, what keeps them as they shall be, and what answers from them."""
    if "replica" not in parts.extras:
        settings = cast("InferenceSettings", parts.settings)
        kept = BlobCache(settings.shared.cache_folder / "inference", settings.cache_bytes)
        shelf = ModelShelf()
        stores = cache(parts.objects)  # a store has threads and connections: one for each bucket, not for each model
        loader = ArtifactLoader(stores, kept, lambda: PublicKeys.load(parts.keys_dir, SIGNERS))
        reconciler = Reconciler(parts.uows, shelf, loader, settings)
        parts.extras["replica"] = shelf, reconciler, Predictor(shelf, max_rows=settings.max_rows)
    return cast("tuple[ModelShelf, Reconciler, Predictor]", parts.extras["replica"])


def routers(parts: Parts[InferenceUnitOfWork]) -> Sequence[APIRouter]:
    """Inference's endpoints."""
    predictor = replica(parts)[2]
    explainers = Explainers(cast("InferenceSettings", parts.settings))
    return [predictions.create_router(predictor), explanations.create_router(predictor, explainers)]


def readiness(parts: Parts[InferenceUnitOfWork]) -> Sequence[Check]:
    """A replica takes no requests before it holds what its predecessor held; a dedicated one, not without its model."""
    reconciler = replica(parts)[1]
    if cast("InferenceSettings", parts.settings).only_deployment is None:
        return [Check("models", reconciler.caught_up)]
    return [Check("model", reconciler.holds_its_own)]


def api_background(parts: Parts[InferenceUnitOfWork]) -> Sequence[Background]:
    """The replica reconciles itself."""
    return [("reconciler", replica(parts)[1].run)]


def worker_background(parts: Parts[InferenceUnitOfWork]) -> Sequence[Background]:
    """The worker announces what replicas have reached, and reads missed events from registry."""
    announcer: Background = "announcer", Announcer(parts.uows).run
    if parts.form == "embedded":  # in one process the relay itself hands events over, and loses none
        return [announcer]
    from skyulf_service.http.catch_up import catch_up_sweeps  # httpx, which an api does not need

    sweeps = catch_up_sweeps(
        {"registry": parts.settings.shared.registry_url},
        tokens=parts.tokens,
        delivery=Delivery(consumers, parts.uows),
        every=cast("InferenceSettings", parts.settings).catch_up_seconds,
        ca_file=parts.settings.shared.tls_ca_file,
    )
    return [announcer, ("catch-up", Sweeper(sweeps).run)]


SERVICE: Service[InferenceUnitOfWork] = Service(
    name="inference",
    package="skyulf_inference",
    unit_of_work=InferenceUnitOfWork,
    settings=InferenceSettings,
    consumers=consumers,
    messaging=messaging,
    routers=routers,
    api_background=api_background,
    readiness=readiness,
    worker_background=worker_background,
    measures=lambda parts: [replicas_of(parts.uows)],
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one role of inference: ``api``, ``worker`` or ``migrate``; returns the exit code."""
    return run_service(SERVICE, sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
