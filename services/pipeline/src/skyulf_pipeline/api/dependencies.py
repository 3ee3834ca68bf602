"""What the endpoints of the pipeline service ask for."""

from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Path, Request
from skyulf_service.http.dependencies import read_unit_of_work, unit_of_work

from skyulf_pipeline.persistence.unit_of_work import PipelineUnitOfWork
from skyulf_pipeline.service.checks import Checks

SLUG = r"^[a-z0-9][a-z0-9._-]{0,62}$"

CHECKS = "checks"


def checks_of(request: Request) -> Checks:
    """Return the process's threads for checks."""
    return cast("Checks", request.app.state.parts.extras[CHECKS])


# scope="function": the transaction commits before the answer is sent, so a failed commit is never answered with 200
Uow = Annotated[PipelineUnitOfWork, Depends(unit_of_work(PipelineUnitOfWork), scope="function")]
ReadUow = Annotated[PipelineUnitOfWork, Depends(read_unit_of_work(PipelineUnitOfWork), scope="function")]
Checking = Annotated[Checks, Depends(checks_of)]
PipelineId = Annotated[UUID, Path(description="The pipeline's id")]
JobId = Annotated[UUID, Path(description="The job's id")]
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The version's number, counted from 1")]
