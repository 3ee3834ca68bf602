"""The journal of a study: a SQLite file that survives the end of any process, and that several workers write.

Every trial is a row. A worker writes it before the first fold and after each one, so that what is lost with a process
is the fold that was running. A worker is alive while it holds the lock of a file beside the journal, which the system
lets go of when the process ends, however it ends; trials of workers that are not are taken over with their folds.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

from pydantic import JsonValue

from skyulf_core.problems import DataError
from skyulf_core.tuning.trial import Fold, State, Trial

try:
    import fcntl
except ImportError:  # where files have no such locks one process at a time may use a journal
    fcntl = None  # type: ignore[assignment]

_PATIENCE = 60.0
"""Seconds to wait for the lock of the database."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS study (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS trials (
    number INTEGER PRIMARY KEY, params TEXT NOT NULL, state TEXT NOT NULL, score REAL, folds TEXT NOT NULL,
    seconds REAL NOT NULL, error TEXT, round INTEGER NOT NULL, resource INTEGER, worker TEXT
);
"""
_COLUMNS = "number, params, state, score, folds, seconds, error, round, resource, worker"


class Journal:
    """The trials of one study. `path` None keeps them in memory, for this process alone."""

    def __init__(
        self,
        path: Path | None,
        study: Mapping[str, JsonValue],
        *,
        part: str = "",
        known: Sequence[Trial] = (),
        on_write: Callable[[Trial], None] | None = None,
    ) -> None:
        """Open it. `known` are trials of an earlier run that are written where they are missing.

        `on_write` is called with every trial that this process writes, in the order of the writes.
        """
        self.worker = uuid.uuid4().hex
        self._part, self._on_write = part, on_write
        self._path, self._lock = path, threading.RLock()
        self._held: IO[bytes] | None = None
        self._ended: list[Trial] = []
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                ":memory:" if path is None else path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._database.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            message = f"the storage {str(path)!r} cannot be used: {error}"
            raise DataError(message, reason="storage") from error
        try:
            with self._transaction():
                self._open_worker()
                self._same_study(study)
                for trial in known:
                    self._write(replace(trial, worker=None), unless_there=True)
        except BaseException:
            self.close()
            raise

    def _open_worker(self) -> None:
        """Take a lock, and remove the files of locks that nobody holds. Within a transaction: one at a time."""
        if self._path is None or fcntl is None:
            return
        for path in self._path.parent.glob(f"{self._path.name}.worker-*"):
            self._is_held(path)
        self._held = self._lock_file(self.worker).open("wb")
        fcntl.flock(self._held, fcntl.LOCK_EX)

    def _lock_file(self, worker: str) -> Path:
        path = cast("Path", self._path)
        return path.with_name(f"{path.name}.worker-{worker}")

    def _same_study(self, study: Mapping[str, JsonValue]) -> None:
        """Write what the study is, or refuse a journal of another one."""
        known = dict(self._database.execute("SELECT key, value FROM study").fetchall())
        written = {key: json.dumps(value, sort_keys=True) for key, value in study.items()}
        if not known:
            self._database.executemany("INSERT INTO study VALUES (?, ?)", written.items())
            return
        other = sorted(key for key in written.keys() | known.keys() if written.get(key) != known.get(key))
        if other:
            message = (
                f"the storage {str(self._path)!r} holds another study: its {' and '.join(other)} differ; "
                "name another file, or remove this one"
            )
            raise DataError(message, reason="other-study")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Hold the database alone: of threads and of processes."""
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    yield
                except BaseException:
                    self._database.execute("ROLLBACK")
                    raise
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                message = f"the storage {str(self._path)!r} cannot be written: {error}"
                raise DataError(message, reason="storage") from error

    def trials(self) -> list[Trial]:
        """Return all trials, by number."""
        with self._lock:
            read = f"SELECT {_COLUMNS} FROM trials WHERE number >= ? ORDER BY number"  # noqa: S608
            others = [
                replace(_trial(row), part=self._part) for row in self._database.execute(read, (len(self._ended),))
            ]
            found = [*self._ended, *others]
            # what has ended stays as it is: only trials behind the first that has not are read again
            self._ended += itertools.takewhile(lambda trial: trial.ended, others)
            return found

    def claim(self, propose: Callable[[Sequence[Trial]], Trial | None]) -> Trial | None:
        """Return a trial for this worker: one that was left behind, or the one that is proposed; None for none.

        Nobody else writes while `propose` looks at the trials.
        """
        with self._lock:
            with self._transaction():
                trials = self.trials()
                left = next((trial for trial in trials if not trial.ended and not self._alive(trial)), None)
                chosen = propose(trials) if left is None else left
                if chosen is None:
                    return None
                claimed = replace(chosen, state="running", worker=self.worker, error=None, part=self._part)
                self._write(claimed)
            self._tell(claimed)
            return claimed

    def record(self, trial: Trial) -> None:
        """Write how a trial stands."""
        with self._lock:
            with self._transaction():
                self._write(trial)
            self._tell(trial)

    def _tell(self, trial: Trial) -> None:
        if self._on_write is not None:
            self._on_write(trial)

    def _write(self, trial: Trial, *, unless_there: bool = False) -> None:
        folds = json.dumps([fold.to_dict() for fold in trial.folds])
        otherwise = "IGNORE" if unless_there else "REPLACE"
        self._database.execute(
            f"INSERT OR {otherwise} INTO trials ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (
                trial.number, json.dumps(trial.params), trial.state, trial.score, folds, trial.seconds, trial.error,
                trial.round, trial.resource, trial.worker,
            ),
        )  # fmt: skip

    def _alive(self, trial: Trial) -> bool:
        """Say whether somebody works at a trial that has not ended."""
        if trial.state != "running" or trial.worker is None:
            return False
        if trial.worker == self.worker:
            return True
        if self._path is None or fcntl is None:
            return False
        return self._is_held(self._lock_file(trial.worker))

    @staticmethod
    def _is_held(path: Path) -> bool:
        """Say whether a process holds the lock of a file; remove the file where none does."""
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        path.unlink(missing_ok=True)
        return False

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._database.close()
            if self._held is not None:
                self._lock_file(self.worker).unlink(missing_ok=True)
                self._held.close()
                self._held = None


def _trial(row: tuple[object, ...]) -> Trial:
    number, params, state, score, folds, seconds, error, turn, resource, worker = row
    return Trial(
        number=cast("int", number),
        params=json.loads(str(params)),
        state=cast("State", state),
        score=cast("float | None", score),
        folds=tuple(Fold(**fold) for fold in json.loads(str(folds))),
        seconds=cast("float", seconds),
        error=cast("str | None", error),
        round=cast("int", turn),
        resource=cast("int | None", resource),
        worker=cast("str | None", worker),
    )
