"""What an installation stands on: settings, the data folder, its disk, the keys."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings.exceptions import SettingsError
from skyulf_service.half_restored import HalfRestoredError, refuse_half_restored
from skyulf_service.settings import ServiceSettings, SharedSettings, in_words
from skyulf_service.signing.keys import KeyFileError, SigningKey, load, load_public, public_files

from skyulf_standalone.doctor.finding import Finding
from skyulf_standalone.services import SERVICES, service_of

LEAST_FREE = 1 << 30
GIGABYTE = 1e9


def settings_of_all() -> tuple[dict[str, ServiceSettings], list[Finding]]:
    """The settings of every service, and what is wrong with them."""
    found, wrong = dict[str, ServiceSettings](), list[Finding]()
    for name in SERVICES:
        try:
            found[name] = service_of(name).settings()
        except (ValidationError, SettingsError, ValueError) as error:
            said = in_words(error) if isinstance(error, ValidationError) else str(error)
            wrong.append(Finding("settings", "fail", f"{name}: {said}", "see docs/architecture/operations.md"))
    if not wrong:
        wrong.append(Finding("settings", "ok", f"{found['gateway'].shared.form}, {found['gateway'].shared.profile}"))
    return found, wrong


def folder(home: Path) -> Finding:
    """Whether the data folder can be written to."""
    if not home.is_dir():
        return Finding("data folder", "fail", f"{home} does not exist", "set SKYULF_HOME, or start Skyulf once")
    if os.statvfs(home).f_flag & os.ST_RDONLY:
        return Finding("data folder", "fail", f"{home} lies on a file system that is read-only", "mount it for writing")
    try:
        refuse_half_restored(home)
    except HalfRestoredError as error:
        return Finding("data folder", "fail", error.detail, "repeat it; the same file will do")
    if not os.access(home, os.W_OK | os.X_OK):
        return Finding(
            "data folder", "fail", f"{home} is not writable", f"give it to the user that runs Skyulf: {home}"
        )
    return Finding("data folder", "ok", str(home))


def disk(home: Path) -> Finding:
    """Whether there is room."""
    try:
        free = shutil.disk_usage(home).free
    except OSError as error:
        return Finding("disk", "fail", f"{home} cannot be looked at: {error.strerror}")
    text = f"{free / GIGABYTE:.1f} GB free below {home}"
    if free < LEAST_FREE:
        return Finding("disk", "fail", text, "make room: `skyulf retention` shows what may go, `cache` can be removed")
    return Finding("disk", "ok", text)


def keys(shared: SharedSettings) -> list[Finding]:
    """Whether every service's public key is there, and fits the private one where that is here."""
    path = shared.keys_folder
    if not path.is_dir():
        return [Finding("keys", "fail", f"there is no folder {path}", "start Skyulf once, or set SKYULF_KEYS_DIR")]
    wrong = [Finding("keys", "fail", text, advice) for name in SERVICES for text, advice in _key_faults(path, name)]
    if wrong:
        return wrong
    own = sorted(each.stem for each in path.glob("*.key") if not each.stem.endswith(".next"))
    # the ids: who has folders of their own can compare them
    trusted = ", ".join(f"{name} {' '.join(key.kid for key in load_public(path, [name]))}" for name in SERVICES)
    return [Finding("keys", "ok", f"trusted are {trusted}; private ones of {', '.join(own) or 'none'}")]


def _key_faults(path: Path, name: str) -> Iterator[tuple[str, str]]:
    try:
        public = public_files(path, [name])
    except KeyFileError as error:
        yield str(error), f"copy {name}.pub here, or restore it from a backup"
        return
    for file, key in public.items():
        if file.stem not in (name, f"{name}.{key.kid}"):
            yield f"{file.name} holds another key, {key.kid}", f"find out who put it there; it is trusted for {name}"
    known = {key.kid for key in public.values()}
    for stem, advice in (
        (name, f"remove {name}.pub; the next start of {name} writes it anew"),
        (f"{name}.next", f"run `skyulf rotate-keys {name} --prepare` again"),
    ):
        try:
            if (path / f"{stem}.key").exists() and SigningKey.of(name, load(path, stem).key).kid not in known:
                yield f"{name}.pub does not belong to {stem}.key: what that signs is refused", advice
        except KeyFileError as error:
            yield str(error), ""
