"""Figures of the finished parts of a long measurement, kept so that one that was interrupted goes on."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "libs" / "skyulf-core" / "src"
Sample = dict[str, float]


def cache_folder() -> Path:
    """Return where measurements keep what they need again."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "skyulf"


class Kept:
    """Samples by name, of one measurement: the same settings, the same code, the same number of processors."""

    def __init__(self, name: str, settings: dict[str, object], scripts: Iterable[Path] = ()) -> None:
        """Read what is there; `scripts` make figures beside the library."""
        self._path = cache_folder() / "measured" / f"{name}.json"
        self._identity = {**settings, "code": _digest(scripts), "processors": os.cpu_count()}
        self._samples: dict[str, Sample] = {}
        if self._path.exists():
            written = json.loads(self._path.read_text())
            if written["identity"] == self._identity:
                self._samples = written["samples"]

    def sample(self, key: str, measure: Callable[[], Sample]) -> Sample:
        """Return what is known under a name, or measure it and keep it."""
        if key not in self._samples:
            self._samples[key] = measure()
            self._write()
        return self._samples[key]

    def __contains__(self, key: str) -> bool:
        return key in self._samples

    def done(self) -> None:
        """Forget everything: the next measurement begins anew."""
        self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps({"identity": self._identity, "samples": self._samples}, indent=2))
        beside.replace(self._path)


def _digest(scripts: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in (*sorted(LIBRARY.rglob("*.py")), *scripts):
        digest.update(str(path.relative_to(ROOT)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
