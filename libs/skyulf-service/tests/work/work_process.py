"""A supervisor in a process of its own: ``work_process.py <database url> <scratch> <lease seconds>``.

Drains on SIGTERM. Like a careless service it may write late: each handler ends its row whatever happened meanwhile.
"""

import asyncio
import signal
import sys
from datetime import timedelta
from pathlib import Path

from skyulf_service.database.engine import Database
from skyulf_service.work.queue import WorkQueue
from skyulf_service.work.slots import ChildSlots
from skyulf_service.work.supervisor import Supervisor
from work_support import Handler, Store, children_environment, jobs


async def main(url: str, scratch: str, lease: str) -> None:
    store = Store(Database.open(url, name="tests"))
    slots = ChildSlots(2, environment=children_environment())
    supervisor = Supervisor(
        WorkQueue(jobs, store.database),
        slots,
        Handler(store, Path(scratch)),
        lease=timedelta(seconds=float(lease)),
        concurrency=2,
        grace=0.5,
        # on SQLite nobody tells another process of a commit: the embedded form is one process
        poll=0.2 if url.startswith("sqlite") else 5.0,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, supervisor.stop)
    print("ready", flush=True)
    await supervisor.run()
    await store.database.close()


asyncio.run(main(*sys.argv[1:]))
