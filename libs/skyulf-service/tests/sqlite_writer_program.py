"""A process that raises one counter from twenty tasks and says every number that was committed, to be killed."""

import asyncio
import sys
from uuid import UUID

from skyulf_service.database.engine import Database
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.errors import StaleVersionError, UnavailableError
from skyulf_service.scope import Scope
from skyulf_service.testing.sample import SampleUnitOfWork


async def main(url: str, counter: str) -> None:
    uows = UnitOfWorks(Database.open(url, name="sample"), SampleUnitOfWork)

    async def writer() -> None:
        while True:
            try:
                async with uows() as uow:
                    found = await uow.counters.require(Scope.system("sample"), UUID(counter))
                    found.value += 1
                    await uow.counters.save(found)
                    await uow.publish(found.raised())
            except (StaleVersionError, UnavailableError):
                continue
            print(found.value, flush=True)

    await asyncio.gather(*(writer() for _ in range(20)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
