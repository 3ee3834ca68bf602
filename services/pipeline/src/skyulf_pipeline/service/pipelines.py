"""What people do with pipelines."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from skyulf_core import Validation
from skyulf_service.ids import new_id, utc_now
from skyulf_service.scope import Scope

from skyulf_pipeline.domain import configs
from skyulf_pipeline.domain.datasets import Tables
from skyulf_pipeline.domain.pipelines import Config, Pipeline, PipelineVersion, slug_of
from skyulf_pipeline.persistence.unit_of_work import PipelineUnitOfWork
from skyulf_pipeline.service.checks import Checks


@dataclass(frozen=True, slots=True)
class PipelineDraft:
    """A pipeline as a person describes it; without ``register_as`` its models are named after it."""

    name: str
    config: Config
    description: str = ""
    register_as: str | None = None


async def create(
    uow: PipelineUnitOfWork, *, scope: Scope, draft: PipelineDraft, checks: Checks
) -> tuple[Pipeline, PipelineVersion]:
    """Keep a valid configuration as version 1 of a new pipeline; raises `InvalidPipelineError` with all problems."""
    await require_valid(checks, draft.config)
    now = utc_now()
    pipeline = Pipeline(
        id=new_id(),
        project_id=scope.require_project(),
        name=draft.name,
        description=draft.description,
        register_as=draft.register_as or slug_of(draft.name),
        created_at=now,
        updated_at=now,
    )
    version = pipeline.next_version(draft.config, author=scope.subject, at=now)
    await uow.pipelines.add(pipeline)
    await uow.pipelines.remember(version)
    return pipeline, version


async def revise(
    uow: PipelineUnitOfWork, *, scope: Scope, pipeline: Pipeline, draft: PipelineDraft, checks: Checks
) -> tuple[Pipeline, PipelineVersion]:
    """Keep a valid configuration as the next version of a pipeline; raises `InvalidPipelineError`."""
    pipeline.rename(name=draft.name, description=draft.description, register_as=draft.register_as)
    await require_valid(checks, draft.config)
    version = pipeline.next_version(draft.config, author=scope.subject, at=utc_now())
    await uow.pipelines.save(pipeline)
    await uow.pipelines.remember(version)
    return pipeline, version


async def delete(uow: PipelineUnitOfWork, *, scope: Scope, pipeline_id: UUID) -> None:
    """Take a pipeline out of use; its jobs and versions stay."""
    pipeline = await uow.pipelines.require(scope, pipeline_id)
    pipeline.delete()
    await uow.pipelines.save(pipeline)


async def active(uow: PipelineUnitOfWork, *, scope: Scope, pipeline_id: UUID) -> Pipeline:
    """Return a pipeline that is not deleted, or raise `NotFoundError`."""
    pipeline = await uow.pipelines.require(scope, pipeline_id)
    pipeline.require_active()
    return pipeline


async def check(checks: Checks, config: Config, tables: Tables) -> Validation:
    """Return all problems of a configuration, and the schema after each step. Raises `ChecksBusyError`."""
    # hundreds of steps take a moment: in a thread, so that other requests go on
    return await checks.run(partial(configs.check, config, tables))


async def require_valid(
    checks: Checks, config: Config, tables: Tables | None = None, *, said: Mapping[str, str] = configs.NOTHING
) -> None:
    """Raise `InvalidPipelineError` with every problem of a configuration, and of the tables that it is to read.

    Raises `ChecksBusyError` where too many others are being checked.
    """
    await checks.run(partial(configs.require_valid, config, tables, said=said))
