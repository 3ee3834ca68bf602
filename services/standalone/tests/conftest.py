"""An installation that was prepared once; each test breaks a copy."""

import asyncio
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from skyulf_service.settings import SharedSettings
from skyulf_standalone.backup.making import back_up
from skyulf_standalone.backup.watching import Nobody
from skyulf_standalone.services import SERVICES, service_of


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with schemas, buckets and keys, in which nothing runs."""
    home = tmp_path_factory.mktemp("installed")
    shared = SharedSettings(home=home)

    async def prepare() -> None:
        for name in SERVICES:
            service = service_of(name)
            parts = service.open(service.settings(shared=shared))
            await service.prepare(parts)
            await parts.close()

    asyncio.run(prepare())
    return home


@pytest.fixture(scope="session")
def backup(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of it."""
    file = tmp_path_factory.mktemp("backup") / "backup.tgz"
    home = file.with_name("home")
    shutil.copytree(installed, home)
    (home / "credentials.json").write_text("{}")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SKYULF_HOME", str(home))
        asyncio.run(back_up(file, Nobody()))
    return file


@pytest.fixture
def home(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to break."""
    shutil.copytree(installed, tmp_path / "home")
    monkeypatch.setenv("SKYULF_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def largest_file() -> Callable[[int], AbstractContextManager[None]]:
    """As on a disk that is full: no file grows beyond so many bytes while the block runs."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


@pytest.fixture
def synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, list[str]]]:
    """What is synced, in order, and the names in the test's folder at that moment."""
    heard, fsync = list[tuple[Path, list[str]]](), os.fsync

    def hear(descriptor: int) -> None:
        fsync(descriptor)
        names = sorted(path.name for path in tmp_path.iterdir())
        heard.append((Path(os.readlink(f"/proc/self/fd/{descriptor}")), names))

    monkeypatch.setattr(os, "fsync", hear)
    return heard
