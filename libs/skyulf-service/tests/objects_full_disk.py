"""A store on a full disk, run by `test_objects_faults` with mounts of its own: ``objects_full_disk.py <folder>``.

Prints what happened, one word per line.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from skyulf_service.errors import StorageFullError
from skyulf_service.objects.folder import FolderStore


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 300_000


async def main(folder: Path) -> None:
    mount = ("mount", "-t", "tmpfs", "-o", "size=4m", "none", str(folder))
    subprocess.run(mount, check=True)  # noqa: ASYNC221 - nothing else runs yet
    store = FolderStore(folder, "bucket")
    await store.put_bytes("kept", b"k" * 1_000_000)
    for attempt in (store.put_stream("endless", endless()), store.put_bytes("large", b"x" * 4_000_000)):
        try:
            await attempt
        except StorageFullError:
            print("full")
    print(*[found.key async for found in store.list()])
    print(len(list((folder / "bucket" / ".unfinished").iterdir())))
    await store.put_bytes("after", b"a" * 2_000_000)
    print((await store.get_bytes("kept")) == b"k" * 1_000_000, len(await store.get_bytes("after")))


asyncio.run(main(Path(sys.argv[1])))
