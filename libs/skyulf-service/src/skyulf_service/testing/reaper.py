"""Remove a container when the process that started it ends: ``python reaper.py CONTAINER_ID``.

A script of its own. It waits for the end of its input, a pipe that the starting process holds and never writes to, so
that it acts even after SIGKILL.
"""

import sys
from contextlib import suppress

import docker
import docker.errors


def main(container_id: str) -> None:
    """Wait for the end of the input, then remove the container and its volumes."""
    sys.stdin.read()
    with suppress(docker.errors.NotFound):
        docker.from_env().containers.get(container_id).remove(force=True, v=True)


if __name__ == "__main__":
    main(sys.argv[1])
