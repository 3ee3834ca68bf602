"""Backup while others work, destroy, restore: the installation goes on as after a power cut at the backup's moment."""

import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest
from harness.api import Api
from harness.constants import ANSWERS, ROWS, check, opposites
from harness.embedded import Embedded, rows
from harness.stream import read_stream

SERVICES = ("gateway", "ingestion", "pipeline", "registry", "inference")


def skyulf(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "skyulf_standalone", *words]
    env = {**os.environ, "SKYULF_HOME": str(home)}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


class Busy:
    """Uploads and deletes datasets, and makes projects, until told to stop. Nothing of it may fail."""

    def __init__(self, running: Embedded) -> None:
        self.api, self.admin = running.project(), running.admin()
        self.kept: list[str] = []
        self.failure: BaseException | None = None
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(work,)) for work in (self._data, self._projects)]

    def __enter__(self) -> "Busy":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(60)
        assert self.failure is None, repr(self.failure)

    def _run(self, work: object) -> None:
        number = 0
        try:
            while not self.over.is_set():
                number += 1
                work(number)  # type: ignore[operator]
        except BaseException as error:
            self.failure = error

    def _data(self, number: int) -> None:
        made = self.api.upload(b"a,b\n" + b"1,2\n" * number)["id"]
        assert self.api.dataset(made)["status"] == "ready"
        self.kept.append(made)
        if number % 2:  # its objects are removed a second later, unless a backup needs them
            self.api.ok("DELETE", f"/datasets/{self.kept.pop(0)}")

    def _projects(self, number: int) -> None:
        self.admin.ok("POST", "/projects", json={"slug": f"busy-{number}"})
        threading.Event().wait(0.02)


def test_backup_under_load_destroy_restore(tmp_path: Path) -> None:
    running, file = Embedded(tmp_path / "run"), tmp_path / "backup.tgz"
    (tmp_path / "run").mkdir(exist_ok=True)
    running.start()
    try:
        api = running.project()
        opposites(api, "switch")
        api.deploy("switch", "switch", 1)
        with Busy(running) as busy:
            Api.eventually(lambda: len(busy.kept) >= 2, what="some load")
            before = head(running)
            done = skyulf(running.home, "backup", str(file))
            after = head(running)
        assert done.returncode == 0, done.stderr
        assert file.stat().st_mode & 0o777 == 0o600
        api.deploy("switch", "switch", 2)  # undone by the restore
        running.stop()
        shutil.rmtree(running.home)

        restored = skyulf(running.home, "restore", str(file))

        assert restored.returncode == 0, restored.stderr
        last = logged(running)[-1]
        assert before <= last <= after, "as of the moment, not of the start or the end"
        running.start()
        assert api.deployment("switch", revision=1)["status"] == "ready"
        assert check(api.predict("switch", ROWS)) == 1
        assert api.predict("switch", ROWS)["predictions"] == ANSWERS[1]
        datasets = busy.api.ok("GET", "/datasets", params={"limit": 200})["items"]
        assert len(datasets) >= 2, "so many were there at every moment of the backup"
        for dataset in datasets:
            found = busy.api.dataset(dataset["id"])  # an import that was under way is done again
            assert found["status"] == "ready"
            assert busy.api.call("GET", f"/datasets/{dataset['id']}/sample").status_code == 200
        api.deploy("switch", "switch", 2)
        assert check(api.predict("switch", ROWS)) == 2
        everything_is_told_once(running, api, last)
        running.stop()
    finally:
        running.process.kill_tree()


def everything_is_told_once(running: Embedded, api: Api, last: int) -> None:
    """Every event of every outbox is in the log once, and the log goes on from its number."""
    path = running.home / "db" / "gateway.sqlite3"
    Api.eventually(lambda: ids(running, "event_log") == announced(running), what="all events in the log")
    numbers = logged(running)
    assert numbers == list(range(1, len(numbers) + 1)), "no number is left out or given twice"
    assert numbers[-1] > last
    assert rows(path, "SELECT count(*) FROM dead_letters") == [(0,)]
    told = Counter((seen.type, seen.event["subject"], seen.data["aggregate_version"]) for seen in read_stream(api))
    assert max(told.values()) == 1


def announced(running: Embedded) -> Counter[UUID]:
    return sum((ids(running, "outbox", service) for service in SERVICES), Counter[UUID]())


def ids(running: Embedded, table: str, service: str = "gateway") -> Counter[UUID]:
    found = rows(running.home / "db" / f"{service}.sqlite3", f"SELECT event_id FROM {table}")
    return Counter(UUID(str(row[0])) for row in found)


def logged(running: Embedded) -> list[int]:
    found = rows(running.home / "db" / "gateway.sqlite3", "SELECT seq FROM event_log ORDER BY seq")
    return [int(str(row[0])) for row in found]


def head(running: Embedded) -> int:
    return logged(running)[-1]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An installation that was started once, stopped, and backed up."""
    folder = tmp_path_factory.mktemp("small")
    running = Embedded(folder / "run")
    running.start()
    try:
        dataset = running.project().upload(b"a,b\n1,2\n")
        assert dataset["id"]
        running.stop()
    finally:
        running.process.kill_tree()
    file = folder / "backup.tgz"
    done = skyulf(running.home, "backup", str(file))
    assert done.returncode == 0, done.stderr
    return running.home, file


def test_a_backup_never_replaces_a_file(small: tuple[Path, Path]) -> None:
    home, file = small
    before = file.read_bytes()

    done = skyulf(home, "backup", str(file))

    assert done.returncode == 1
    assert "exists already" in done.stderr
    assert file.read_bytes() == before


def test_an_installation_is_not_overwritten_by_accident(small: tuple[Path, Path]) -> None:
    home, file = small
    before = {path: path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file() and path.name != ".lock"}

    done = skyulf(home, "restore", str(file))

    assert done.returncode == 1
    assert "--replace" in done.stderr
    after = {path: path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file() and path.name != ".lock"}
    assert after == before


def test_what_is_replaced_is_put_aside(small: tuple[Path, Path], tmp_path: Path) -> None:
    _, file = small
    home = tmp_path / "home"
    assert skyulf(home, "restore", str(file)).returncode == 0
    old = (home / "keys" / "pipeline.key").read_bytes()
    (home / "keys" / "pipeline.key").write_bytes(b"another")
    (home / "keys" / "pipeline.0123456789abcdef.pub").write_bytes(b"trusted since")

    done = skyulf(home, "restore", "--replace", str(file))

    assert done.returncode == 0, done.stderr
    (aside,) = home.glob("replaced-*")
    assert (aside / "keys" / "pipeline.key").read_bytes() == b"another"
    assert {path.suffixes[0] for path in (home / "keys").iterdir()} == {".key", ".pub"}
    assert (home / "keys" / "pipeline.key").read_bytes() == old
    assert (home / "keys" / "pipeline.key").stat().st_mode & 0o777 == 0o600
    assert {path.name for path in (aside / "db").iterdir()} == {f"{service}.sqlite3" for service in SERVICES}


def test_a_damaged_backup_is_refused_before_anything_is_written(small: tuple[Path, Path], tmp_path: Path) -> None:
    data, file, home = small[1].read_bytes(), tmp_path / "damaged.tgz", tmp_path / "home"
    file.write_bytes(data[: len(data) * 9 // 10])

    done = skyulf(home, "restore", str(file))

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "no whole backup of Skyulf" in done.stderr
    assert [path.name for path in home.iterdir()] == [".lock"]


def test_a_missing_object_is_an_error_and_leaves_no_file(small: tuple[Path, Path], tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert skyulf(home, "restore", str(small[1])).returncode == 0
    lost = next(path for path in (home / "objects" / "skyulf-ingestion").rglob("*") if path.is_file())
    lost.unlink()
    target = tmp_path / "new"
    target.mkdir()

    done = skyulf(home, "backup", str(target / "backup.tgz"))

    assert done.returncode == 1
    assert "refers to cannot be read" in done.stderr
    assert list(target.iterdir()) == []


def test_a_running_installation_is_not_restored_into(small: tuple[Path, Path], tmp_path: Path) -> None:
    import fcntl

    home = tmp_path / "home"
    home.mkdir()
    with (home / ".lock").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = skyulf(home, "restore", str(small[1]))

    assert done.returncode == 1
    assert "in use" in done.stderr
