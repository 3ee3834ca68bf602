"""Where keys, settings and other files of the data folder go when they are restored."""

import shutil
from pathlib import Path

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

    def put(self, staging: Path) -> Path:
        """Move restored files to their places, and what differs there aside; returns the folder that it lies in.

        Keys that the backup does not have go too: who was trusted since is not trusted then.
        """
        aside = self._home / f"replaced-{utc_now():%Y%m%dT%H%M%S}"
        try:
            for path in [*self._keys.glob("*.key"), *self._keys.glob("*.pub")]:
                if not (staging / KEYS / path.name).exists():
                    shutil.move(path, self._kept(path, aside))
            for folder, target in ((staging / KEYS, self._keys), (staging / HOME, self._home)):
                for path in sorted(folder.rglob("*")) if folder.exists() else ():
                    if path.is_file():
                        self._move(path, target / path.relative_to(folder), aside)
        except OSError as error:
            raise BackupError(
                f"{error.filename} cannot be written ({error.strerror}); the restore is half done."
            ) from error
        return aside

    def _move(self, source: Path, target: Path, aside: Path) -> None:
        if target.exists() and digest_file(target) == digest_file(source):
            return  # where keys are mounted they cannot be written, and need not
        if target.exists():
            shutil.copy2(target, self._kept(target, aside))
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        source.chmod(0o644 if source.suffix == ".pub" else 0o600)
        shutil.move(source, target)

    def _kept(self, path: Path, aside: Path) -> Path:
        inside = path.relative_to(self._home) if path.is_relative_to(self._home) else Path(KEYS) / path.name
        (aside / inside).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return aside / inside
