"""Where keys, settings and other files of the data folder go when they are restored."""

import os
import shutil
from pathlib import Path

from skyulf_service.durable import make_folder, settle, sync_folder
from skyulf_service.ids import utc_now
from skyulf_service.objects.files import digest_file
from skyulf_service.settings import SharedSettings

from skyulf_standalone.backup.errors import BackupError
from skyulf_standalone.backup.manifest import HOME, KEYS, Manifest


class Places:
    """The files of an installation beside its databases and objects."""

    def __init__(self, shared: SharedSettings) -> None:
        self._home, self._keys = shared.home, shared.keys_folder

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
            (path, target / path.relative_to(folder))
            for folder, target in pairs
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ]

    def _move(self, source: Path, target: Path, aside: Path) -> None:
        if _same(source, target):
            return  # where keys are mounted they cannot be written, and need not
        if target.exists():
            kept = self._kept(target, aside)
            shutil.copy2(target, kept)
            settle(kept)
        make_folder(target.parent, 0o700)
        source.chmod(0o644 if source.suffix == ".pub" else 0o600)
        move_settled(source, target)

    def _kept(self, path: Path, aside: Path) -> Path:
        inside = path.relative_to(self._home) if path.is_relative_to(self._home) else Path(KEYS) / path.name
        make_folder((aside / inside).parent, 0o700)
        return aside / inside


def move_settled(source: Path, target: Path) -> None:
    """Move a file to its place, on disk there afterwards; the two may lie on different disks."""
    shutil.move(source, target)
    settle(target)


def _same(source: Path, target: Path) -> bool:
    return target.is_file() and digest_file(target) == digest_file(source)


def _nearest(folder: Path) -> Path:
    """The folder, or the one above it that exists."""
    return next(each for each in (folder, *folder.parents) if each.exists())
