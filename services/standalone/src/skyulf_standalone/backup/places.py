"""Where keys, settings and other files of the data folder go when they are restored."""

import errno
import os
import secrets
import shutil
from pathlib import Path

from skyulf_service.durable import make_folder, settle, sync_folder
from skyulf_service.ids import utc_now
from skyulf_service.objects.files import digest_file
from skyulf_service.settings import SharedSettings

from skyulf_standalone.backup.errors import BackupError
from skyulf_standalone.backup.manifest import HOME, KEYS, SETTINGS, Manifest

PRIVATE = 0o600
SETTINGS_BESIDE = f"{SETTINGS}.restored"


class Places:
    """The files of an installation beside its databases and objects.

    With ``keep_settings`` the restored ``skyulf.toml`` is put beside the one that is there.
    """

    def __init__(self, shared: SharedSettings, *, keep_settings: bool = False) -> None:
        self._home, self._keys = shared.home, shared.keys_folder
        self._names = {Path(SETTINGS): Path(SETTINGS_BESIDE)} if keep_settings else {}

    def require_free(self, manifest: Manifest) -> None:
        """Raise `BackupError` where there are keys or credentials already, unless they are the same."""
        known = {entry.name: entry.sha256 for entry in manifest.files}
        names = {path: f"{KEYS}/{path.name}" for path in self._keys.glob("*.key")}
        names |= {path: f"{HOME}/{path.name}" for path in self._home.glob("credentials.json")}
        there = [path for path, name in names.items() if digest_file(path).sha256 != known.get(name)]
        if there:
            raise BackupError(
                f"{there[0]} exists: there is an installation already. "
                "Restore into an empty folder (--home), or put the old one aside with --replace."
            )

    def check(self, staging: Path) -> None:
        """Raise `BackupError` where what was unpacked cannot be put in its place; nothing is changed."""
        for source, target in self._moves(staging):
            if not _same(source, target) and not os.access(_nearest(target.parent), os.W_OK | os.X_OK):
                raise BackupError(f"{target} cannot be written; nothing was restored.")
        if self._gone(staging) and not os.access(self._keys, os.W_OK | os.X_OK):
            raise BackupError(f"{self._keys} holds keys that the backup has not, and cannot be written.")

    def put(self, staging: Path) -> Path:
        """Move restored files to their places, and what differs there aside; returns the folder that it lies in.

        Keys that the backup does not have go too: who was trusted since is not trusted then.
        """
        aside = self._home / f"replaced-{utc_now():%Y%m%dT%H%M%S}"
        try:
            for path in self._gone(staging):
                move_settled(path, self._kept(path, aside))
                sync_folder(path.parent)
            for source, target in self._moves(staging):
                self._move(source, target, aside)
        except OSError as error:
            raise BackupError(f"{error.filename} cannot be written ({error.strerror}).") from error
        return aside

    def _gone(self, staging: Path) -> list[Path]:
        there = [*self._keys.glob("*.key"), *self._keys.glob("*.pub")]
        return [path for path in there if not (staging / KEYS / path.name).exists()]

    def _moves(self, staging: Path) -> list[tuple[Path, Path]]:
        pairs = ((staging / KEYS, self._keys), (staging / HOME, self._home))
        return [
            (path, target / self._names.get(inside := path.relative_to(folder), inside))
            for folder, target in pairs
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ]

    def _move(self, source: Path, target: Path, aside: Path) -> None:
        mode = 0o644 if source.suffix == ".pub" else PRIVATE
        if _same(source, target):
            if target.suffix == ".key" or target.parent == self._home:
                _close(target, mode)
            return  # where keys are mounted they cannot be written, and need not
        if target.exists():
            kept = self._kept(target, aside)
            _copy(target, kept)
            settle(kept)
        make_folder(target.parent, 0o700)
        source.chmod(mode)
        move_settled(source, target)

    def _kept(self, path: Path, aside: Path) -> Path:
        inside = path.relative_to(self._home) if path.is_relative_to(self._home) else Path(KEYS) / path.name
        make_folder((aside / inside).parent, 0o700)
        return aside / inside


def move_settled(source: Path, target: Path) -> None:
    """Move a file to its place, on disk there afterwards; the two may lie on different disks."""
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source, target)
        source.unlink()
    settle(target)


def _copy(source: Path, target: Path) -> None:
    """Copy a file, whole or not at all; at no moment may others read what they may not read of ``source``."""
    unfinished = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as file, source.open("rb") as original:
            shutil.copyfileobj(original, file)
            file.flush()
            os.fsync(file.fileno())
        shutil.copystat(source, unfinished)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _close(path: Path, mode: int) -> None:
    """Take rights from others that ``mode`` does not give; somebody else's file is left to its owner."""
    status = path.stat()
    if status.st_uid == os.geteuid() and status.st_mode & 0o777 & ~mode:
        path.chmod(status.st_mode & mode)
        settle(path)


def _same(source: Path, target: Path) -> bool:
    return target.is_file() and digest_file(target) == digest_file(source)


def _nearest(folder: Path) -> Path:
    """The folder, or the one above it that exists."""
    return next(each for each in (folder, *folder.parents) if each.exists())
