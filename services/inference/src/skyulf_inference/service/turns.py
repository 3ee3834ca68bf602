"""Turns of explanations: who is worked for next, in steps, and who has to come back later."""

import asyncio
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import ceil, inf
from time import monotonic, thread_time
from uuid import UUID

from skyulf_core.serving.explaining import Explanations

from skyulf_inference.domain.errors import ExplanationsBusyError

TURN_SECONDS = 0.05
SMALL = 0.05
"""This part of the most work of a request is little: it is begun beside whatever is being worked on."""
LONGEST_RETRY = 30.0


class Pace:
    """How long a row of a model takes, in seconds of the thread: what else the machine does counts little."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget all measurements."""
        self._rows, self._seconds, self._best = 0.0, 0.0, inf

    def note(self, seconds: float, rows: float) -> None:
        """Add a measurement of one row, of several, or of a part of one."""
        self._seconds += seconds
        self._rows += rows
        if rows >= 1:
            self._best = min(self._best, seconds / rows)

    @property
    def row(self) -> float | None:
        """Seconds of one row; None before two rows, or half a second of work, were measured."""
        if self._rows < 2 and self._seconds < 0.5:
            return None
        return self._best if self._best < inf else self._seconds / self._rows


@dataclass(eq=False)
class Job:
    """One request: its work in steps, and whoever waits for it."""

    project: UUID
    deployment: str
    rows: int
    pace: Pace
    steps: Generator[float, None, Explanations]
    answer: asyncio.Future[Explanations]
    begun: bool = False
    gone: bool = False
    done: float = 0.0
    turn: int = 0
    _prepared: bool = field(default=False, init=False)

    @property
    def who(self) -> tuple[UUID, str]:
        """The deployment that is asked for."""
        return self.project, self.deployment

    @property
    def seconds(self) -> float | None:
        """How much work is left; None as long as nobody knows."""
        return None if self.pace.row is None else (self.rows - self.done) * self.pace.row

    def work(self) -> Explanations | None:
        """Work for one turn, in a thread; None where more is left. Stops between steps once the client has left."""
        until = monotonic() + TURN_SECONDS
        while not self.gone and monotonic() < until:
            began = thread_time()
            try:
                done = next(self.steps)
            except StopIteration as end:
                found: Explanations = end.value
                return found
            if self._prepared and done > self.done:
                self.pace.note(thread_time() - began, done - self.done)
            self._prepared, self.done = True, done
        return None


class Turns:
    """One thread that works for requests in turns: projects take turns, in them deployments, in them requests.

    So much is begun as ends soon; what waits for longer than ``wait`` seconds is told when to come back. Nothing that
    is begun is left before its end unless its client has left.
    """

    def __init__(self, *, most: int, seconds: float, wait: float) -> None:
        self._most, self._seconds, self._wait = most, seconds, wait
        self._jobs: list[Job] = []
        self._turn = 0
        self._served: dict[object, int] = {}
        self._working: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="explain")

    async def run(self, job: Job) -> Explanations:
        """Wait for a job's explanations. Raises what its work raises, and `ExplanationsBusyError`."""
        self._make_room(job)
        self._jobs.append(job)
        expiry = asyncio.get_running_loop().call_later(self._wait, self._expire, job)
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work(), name="explanations")
        try:
            return await job.answer
        finally:
            expiry.cancel()
            job.gone = True
            if job in self._jobs:
                self._jobs.remove(job)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while (job := self._next()) is not None:
            self._turn += 1
            job.begun, job.turn = True, self._turn
            self._served[job.project] = self._served[job.who] = self._turn
            try:
                found = await loop.run_in_executor(self._thread, job.work)
            except Exception as error:  # whoever asked is told
                self._end(job, error)
                continue
            if found is not None:
                self._end(job, found)

    def _end(self, job: Job, result: Explanations | Exception) -> None:
        if job in self._jobs:
            self._jobs.remove(job)
        if job.answer.done():
            return
        if isinstance(result, Exception):
            job.answer.set_exception(result)
        else:
            job.answer.set_result(result)

    def _next(self) -> Job | None:
        """Return whose turn it is: of those that may be worked for, who was served the longest time ago."""
        asked = {key for job in self._jobs for key in (job.project, job.who)}
        self._served = {key: turn for key, turn in self._served.items() if key in asked}
        ready = [job for job in self._jobs if not job.answer.done() and (job.begun or self._may_begin(job))]
        served = self._served
        return min(ready, key=lambda job: (served.get(job.project, 0), served.get(job.who, 0), job.turn), default=None)

    def _may_begin(self, job: Job) -> bool:
        begun = [other for other in self._jobs if other.begun]
        if not begun:
            return True
        if job.seconds is None:  # one that measures is enough
            return all(other.pace is not job.pace for other in begun)
        left = job.seconds + sum(other.seconds or 0.0 for other in begun)
        # what others have begun leaves room for a deployment, and a project, that has nothing yet
        most = self._seconds
        most += self._seconds * all(other.who != job.who for other in begun)
        most += self._seconds * all(other.project != job.project for other in begun)
        return left <= most or job.seconds <= self._seconds * SMALL

    def _expire(self, job: Job) -> None:
        if not job.begun:
            self._end(job, self._busy())

    def _make_room(self, job: Job) -> None:
        """Send away who came last of those that hold the most places; that may be the new one."""
        if len(self._jobs) < self._most:
            return
        projects = Counter(other.project for other in [*self._jobs, job])
        deployments = Counter(other.who for other in [*self._jobs, job])
        waiting = [*(other for other in self._jobs if not other.begun), job]
        last = max(reversed(waiting), key=lambda other: (projects[other.project], deployments[other.who]))
        if last is job:
            raise self._busy()
        self._end(last, self._busy())

    def _busy(self) -> ExplanationsBusyError:
        left = sum(job.seconds or 0.0 for job in self._jobs if job.begun)
        left = max(left, *(job.seconds or 0.0 for job in self._jobs), 0.0)
        again = min(max(ceil(left), 1), LONGEST_RETRY)
        return ExplanationsBusyError("Too many explanations are being made; try again soon.", retry_after=again)
