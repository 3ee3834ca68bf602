"""`skyulf up` that counts what it asks of each database while nobody wants anything, says so, and ends.

``idle_program.py <home> <port> <seconds to settle> <seconds to count>``
"""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

from skyulf_service.settings import SharedSettings
from skyulf_standalone.main import Embedded
from sqlalchemy import Connection, Engine, event


def main(home: str, port: str, settle: str, seconds: str) -> int:
    asked: Counter[str] = Counter()

    def note(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            asked[Path(str(connection.engine.url.database)).stem] += 1

    def say() -> None:
        print(f"asked {json.dumps(asked)}", flush=True)
        os.kill(os.getpid(), signal.SIGTERM)

    def count() -> None:
        asked.clear()
        asyncio.get_running_loop().call_later(float(seconds), say)

    event.listen(Engine, "before_cursor_execute", note)
    running = Embedded(SharedSettings(home=Path(home), form="embedded", profile="testing", log_level="error"))
    return asyncio.run(
        running.run(port=int(port), on_ready=lambda: asyncio.get_running_loop().call_later(float(settle), count))
    )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
