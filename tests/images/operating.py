"""Run in a process of its own: operations, with nothing but what the image of the `skyulf` command has.

``python -m images.operating REQUIREMENTS FOLDER`` imports every module of the command, then backs up, restores and
tidies an installation, and prints what the command can do.
"""

import asyncio
import importlib
import sys
from pathlib import Path

from images.pinned import modules, only

SERVICES = ("ingestion", "pipeline", "registry", "inference", "gateway")
COMMAND = ("skyulf_client", "skyulf_standalone")
PACKAGES = (*COMMAND, "skyulf_core", "skyulf_events", "skyulf_service", *(f"skyulf_{name}" for name in SERVICES))


def main(requirements: Path, folder: Path) -> None:
    """Do what people run the image for, as far as no server is needed."""
    only(requirements, PACKAGES)
    for package in COMMAND:
        for name in (each for each in modules(package) if not each.endswith("__main__")):
            importlib.import_module(name)
    asyncio.run(operate(folder))
    from skyulf_client.main import main as skyulf

    assert skyulf(["--help"]) == 0


async def operate(folder: Path) -> None:
    """A backup, a restore into its own place, and what is kept no longer."""
    from skyulf_service.database.engine import Database
    from skyulf_service.database.migrations import upgrade
    from skyulf_service.settings import SharedSettings
    from skyulf_service.signing.keys import load_or_create
    from skyulf_standalone.backup.making import back_up
    from skyulf_standalone.backup.restoring import restore
    from skyulf_standalone.backup.watching import Nobody
    from skyulf_standalone.doctor.examining import examine
    from skyulf_standalone.retention import examine as tidy
    from skyulf_standalone.services import service_of

    (SharedSettings().home / "db").mkdir(parents=True)
    for name in SERVICES:
        load_or_create(SharedSettings().keys_folder, name)
        database = Database.open(service_of(name).settings().database, name=name)
        await upgrade(database, service_of(name).package)
        await database.close()
    made = await back_up(folder / "backup.tgz", Nobody())
    assert (await restore(folder / "backup.tgz", Nobody(), replace=True)).manifest == made
    assert {each.service async for each in tidy(apply=True)} == {*SERVICES}
    findings = [each async for each in examine()]
    assert {f"{name} database" for name in SERVICES} <= {each.subject for each in findings if each.state == "ok"}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
