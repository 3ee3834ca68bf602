"""Run a module where names lead to processes of this machine, as DNS and Services do it in a cluster.

``python -P with_names.py ZONE MODULE [ARGUMENT...]``: ZONE is a JSON file of ports by ``name:port``, read each time.
"""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import uvloop

ZONE = Path(sys.argv[1])
asked_of_the_machine = uvloop.Loop.getaddrinfo


def place(host: object, port: object) -> tuple[object, object]:
    here = json.loads(ZONE.read_text()).get(f"{host}:{port}")
    return (host, port) if here is None else ("127.0.0.1", here)


async def getaddrinfo(loop: uvloop.Loop, host: object, port: object, **more: Any) -> Any:
    return await asked_of_the_machine(loop, *place(host, port), **more)


if __name__ == "__main__":
    uvloop.Loop.getaddrinfo = getaddrinfo
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
