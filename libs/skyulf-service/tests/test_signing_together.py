"""Keys of all services in one folder, for a command, and what comes back of them."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from time import sleep

import pytest
from skyulf_service.ports import PORTS
from skyulf_service.signing import folders as folders_module
from skyulf_service.signing import rotation
from skyulf_service.signing.folders import bring_back, gather, make_folders
from skyulf_service.signing.keys import KeyFileError, PublicKeys, load_or_create, load_public, publish

FILES = {f"{service}.{kind}" for service in PORTS for kind in ("key", "pub")}


def test_keys_of_all_come_together_and_go_back_where_they_belong(tmp_path: Path) -> None:
    folders, together = made(tmp_path), empty(tmp_path / "together")
    before = gather(folders, together)

    new = rotation.rotate(together, "pipeline").kid
    bring_back(together, folders, before=before)

    assert before.keys() == FILES
    assert all(path.stat().st_mode & 0o077 == 0 for path in together.glob("*.key"))
    for service, folder in folders.items():
        assert [path.name for path in folder.glob("*.key")] == [f"{service}.key"]
        assert load_public(folder).get(new) is not None
    assert load_or_create(folders["pipeline"], "pipeline").kid == new


def test_a_key_that_signs_is_trusted_everywhere_before_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders, together, trusting = made(tmp_path), empty(tmp_path / "together"), list[bool]()
    before = gather(folders, together)
    new = rotation.rotate(together, "pipeline").kid

    def watched(path: Path, data: bytes, *, mode: int, replace: bool) -> None:
        if path.suffix == ".key":
            trusting.extend(PublicKeys.load(folder).get(new) is not None for folder in folders.values())
        publish(path, data, mode=mode, replace=replace)

    monkeypatch.setattr(folders_module, "publish", watched)
    bring_back(together, folders, before=before)

    assert trusting == [True] * len(PORTS)
    assert load_or_create(folders["pipeline"], "pipeline").kid == new


def test_what_lost_its_trust_goes_everywhere(tmp_path: Path) -> None:
    old = current(folders := made(tmp_path), "gateway")
    rotated(tmp_path, folders, "gateway")
    assert all(load_public(folder).get(old) is not None for folder in folders.values())

    distrusted(tmp_path, folders, "gateway", old)

    assert trusting_folders(folders, old) == []


def test_what_others_changed_meanwhile_stays_beside_what_a_command_changed(tmp_path: Path) -> None:
    folders, mine = made(tmp_path), empty(tmp_path / "mine")
    old = {service: current(folders, service) for service in PORTS}
    before = gather(folders, mine)
    rotated(tmp_path, folders, "gateway")
    distrusted(tmp_path, folders, "gateway", old["gateway"])

    rotation.rotate(mine, "pipeline")
    bring_back(mine, folders, before=before)

    assert trusting_folders(folders, old["gateway"]) == []
    assert {len(load_public(folder, ["pipeline"])) for folder in folders.values()} == {2}
    assert current(folders, "gateway") != old["gateway"]
    assert current(folders, "pipeline") != old["pipeline"]


def test_a_command_that_changed_no_key_does_not_even_look_at_them(tmp_path: Path) -> None:
    together = empty(tmp_path / "together")
    before = gather(made(tmp_path), together)
    away = {service: tmp_path / "away" / service for service in PORTS}

    bring_back(together, away, before=before)

    assert not (tmp_path / "away").exists()


def test_of_two_that_change_keys_of_one_service_at_once_the_second_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders, second = made(tmp_path), empty(tmp_path / "second")
    old, before = current(folders, "gateway"), gather(folders, second)
    rotation.rotate(second, "gateway")
    begun, go_on = Event(), Event()

    def slowly(path: Path, data: bytes, *, mode: int, replace: bool) -> None:
        if path.parent in folders.values():
            begun.set()
            assert go_on.wait(30)
        publish(path, data, mode=mode, replace=replace)

    monkeypatch.setattr(folders_module, "publish", slowly)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(rotated, tmp_path, folders, "gateway")
        assert begun.wait(30)
        late = threads.submit(bring_back, second, folders, before=before)
        sleep(0.2)
        waited = not late.done()
        go_on.set()
        new = first.result(30)
        with pytest.raises(KeyFileError, match="keys of gateway meanwhile"):
            late.result(30)

    assert waited
    assert current(folders, "gateway") == new
    assert {frozenset(key.kid for key in load_public(folder, ["gateway"])) for folder in folders.values()} == {
        frozenset({old, new})
    }


# of a rotation the old and the new key beside, the private one, and what is current
BESIDE, ROTATION, DISTRUST = 2 * len(PORTS) + 1, 3 * len(PORTS) + 1, 2 * len(PORTS)


@pytest.mark.parametrize("changes", range(ROTATION + 1))
def test_a_rotation_that_was_broken_off_anywhere_refuses_nobody_and_can_be_repeated(
    changes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = made(tmp_path)
    with broken_off(monkeypatch, changes) as broke:
        rotated(tmp_path, folders, "pipeline")
    assert bool(broke) == (changes < ROTATION)
    assert trusting_folders(folders, current(folders, "pipeline")) == list(PORTS)

    new = rotated(tmp_path, folders, "pipeline")

    assert current(folders, "pipeline") == new
    assert len({frozenset(key.kid for key in load_public(each, ["pipeline"])) for each in folders.values()}) == 1


@pytest.mark.parametrize("changes", range(DISTRUST + 1))
def test_an_end_of_trust_that_was_broken_off_anywhere_is_completed_by_repeating_it(
    changes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = made(tmp_path)
    old = current(folders, "pipeline")
    with broken_off(monkeypatch, BESIDE):  # the new key signs, and no folder has it as the current one
        rotated(tmp_path, folders, "pipeline")
    with broken_off(monkeypatch, changes) as broke:
        distrusted(tmp_path, folders, "pipeline", old)
    assert bool(broke) == bool(trusting_folders(folders, old)) == (changes < DISTRUST)

    if broke:
        distrusted(tmp_path, folders, "pipeline", old)

    assert trusting_folders(folders, old) == []
    assert len(trusting_folders(folders, current(folders, "pipeline"))) == len(PORTS)


def test_keys_that_are_made_wait_for_a_command_that_brings_them_back(tmp_path: Path) -> None:
    folders = made(tmp_path)
    descriptor = os.open(folders["registry"], os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    with ThreadPoolExecutor() as threads:
        making = threads.submit(make_folders, folders)
        sleep(0.2)
        waited = not making.done()
        os.close(descriptor)
        making.result(30)

    assert waited


def made(folder: Path) -> dict[str, Path]:
    """The folders of all services, with their keys."""
    folders = {service: folder / service for service in PORTS}
    make_folders(folders)
    return folders


def empty(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder


def current(folders: dict[str, Path], service: str) -> str:
    """The key that a service signs with."""
    return load_or_create(folders[service], service).kid


def trusting_folders(folders: dict[str, Path], kid: str) -> list[str]:
    return [service for service, folder in folders.items() if load_public(folder).get(kid) is not None]


def rotated(scratch: Path, folders: dict[str, Path], service: str) -> str:
    """A whole command that gives a service a new key."""
    with TemporaryDirectory(dir=scratch) as name:
        before = gather(folders, Path(name))
        new = rotation.rotate(Path(name), service).kid
        bring_back(Path(name), folders, before=before)
    return new


def distrusted(scratch: Path, folders: dict[str, Path], service: str, kid: str) -> None:
    """A whole command that ends the trust in a key."""
    with TemporaryDirectory(dir=scratch) as name:
        before = gather(folders, Path(name))
        rotation.distrust(Path(name), service, kid)
        bring_back(Path(name), folders, before=before)


class BrokenOffError(Exception):
    """Here the process ends."""


@contextmanager
def broken_off(monkeypatch: pytest.MonkeyPatch, changes: int) -> Iterator[list[Path]]:
    """A command that ends after so many changes of what services have; yields what it could not change any more."""
    spread, unlink, left, broke = folders_module._spread, Path.unlink, changes, list[Path]()

    def spend(path: Path) -> None:
        nonlocal left
        if not left:
            broke.append(path)
            raise BrokenOffError
        left -= 1

    def put(path: Path, data: bytes, *, mode: int, replace: bool) -> None:
        spend(path)
        publish(path, data, mode=mode, replace=replace)

    def remove(path: Path, missing_ok: bool = False) -> None:
        if not path.name.startswith("."):
            spend(path)
        unlink(path, missing_ok=missing_ok)

    def breaking(service: str, keys: Mapping[str, bytes], folders: Mapping[str, Path]) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(folders_module, "publish", put)
            patched.setattr(Path, "unlink", remove)
            spread(service, keys, folders)

    with monkeypatch.context() as patched, suppress(BrokenOffError):
        patched.setattr(folders_module, "_spread", breaking)
        yield broke
