"""The study of a tuning that runs: earlier trials go to the child, new ones are kept as the child tells them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.errors import SkyulfError, UnavailableError
from skyulf_service.work.calls import Told as OnTold
from skyulf_service.work.claims import Claim
from sqlalchemy.exc import DBAPIError

from skyulf_pipeline.domain.trials import Told
from skyulf_pipeline.persistence.unit_of_work import PipelineUnitOfWork
from skyulf_pipeline.service import runs
from skyulf_pipeline.service.runs import Run

LOOK_SECONDS = 0.5
KEEP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Study:
    """What a tuning's child is given besides, and who hears what it tells."""

    spec: dict[str, JsonValue]
    on_told: OnTold | None


@asynccontextmanager
async def studying(
    uows: UnitOfWorks[PipelineUnitOfWork], claim: Claim, run: Run, scratch: Path
) -> AsyncIterator[Study]:
    """Keep the study of a tuning while its child works, and end it when somebody asks for that; else do nothing."""
    if run.job.tuning is None:
        yield Study({}, None)
        return
    known, stop = scratch / "known.json", scratch / "stop"
    written = json.dumps([trial.model_dump(mode="json") for trial in run.trials])
    await asyncio.to_thread(known.write_text, written)

    async def on_told(value: dict[str, JsonValue]) -> None:
        if await _keep(uows, claim, Told.of(value)):
            await asyncio.to_thread(stop.touch)

    looking = asyncio.create_task(_look(uows, claim, stop))
    try:
        yield Study({"known": str(known), "stop": str(stop)}, on_told)
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def _keep(uows: UnitOfWorks[PipelineUnitOfWork], claim: Claim, told: Told) -> bool:
    """Keep how a trial stands; while the database is away the child waits. Returns whether the study is to end."""
    give_up = asyncio.get_running_loop().time() + KEEP_SECONDS
    while True:
        try:
            async with uows() as uow:
                return await runs.note_trial(uow, claim=claim, told=told)
        except UnavailableError:
            if asyncio.get_running_loop().time() > give_up:
                raise
        await asyncio.sleep(LOOK_SECONDS)


async def _look(uows: UnitOfWorks[PipelineUnitOfWork], claim: Claim, stop: Path) -> None:
    """Leave word for the child once somebody asks for the end: between two trials nothing else would."""
    while True:
        with suppress(SkyulfError, DBAPIError):
            async with uows.read() as uow:
                if await runs.is_to_end(uow, claim=claim):
                    await asyncio.to_thread(stop.touch)
                    return
        await asyncio.sleep(LOOK_SECONDS)
