"""Explanations: they take longer than predictions, so they take turns and are never in a prediction's way."""

import asyncio
from collections.abc import Generator, Mapping, Sequence
from uuid import UUID
from weakref import WeakKeyDictionary

from skyulf_core.serving.errors import RowError
from skyulf_core.serving.explaining import (
    ExplanationError,
    Explanations,
    ExplanationTooLargeError,
    PlanExplainer,
)

from skyulf_inference.domain.errors import ExplanationTooMuchError, NotExplainableError, TooManyRowsError
from skyulf_inference.runtime.models import Live
from skyulf_inference.service.predict import refused
from skyulf_inference.service.turns import Job, Pace, Turns
from skyulf_inference.settings import InferenceSettings


class Explainers:
    """Explains answers in a thread of its own, in turns, each request as much as `explain_seconds` of work."""

    def __init__(self, settings: InferenceSettings) -> None:
        self._max_rows = settings.max_explained_rows
        self._max_cells = settings.max_explained_cells
        self._seconds = settings.explain_seconds
        self._paces: WeakKeyDictionary[PlanExplainer, Pace] = WeakKeyDictionary()
        self._turns = Turns(
            most=settings.max_explanations, seconds=settings.explain_seconds, wait=settings.explain_wait_seconds
        )

    async def explain(
        self, project_id: UUID, live: Live, rows: Sequence[Mapping[str, object]], *, single: bool
    ) -> Explanations:
        """Explain rows; cancelled, the work for them ends after the step that is being done.

        Raises `TooManyRowsError`, `RowsRefusedError` naming each row and field, `ExplanationTooMuchError` where it is
        more work than one request may ask for, `NotExplainableError` and `ExplanationsBusyError`.
        """
        if len(rows) > self._max_rows:
            raise TooManyRowsError(f"{len(rows)} rows to explain in one request; the most is {self._max_rows}.")
        explainer = live.loaded.explainer
        pace = self._paces.setdefault(explainer, Pace())
        try:
            if pace.row is not None and self._seconds >= pace.row:
                self._judge(pace.row, len(rows))
            steps = self._judged(explainer.steps(rows, most_cells=self._max_cells), pace, len(rows))
            answer = asyncio.get_running_loop().create_future()
            return await self._turns.run(Job(project_id, live.deployment, len(rows), pace, steps, answer))
        except RowError as error:
            raise refused(error, single=single) from error
        except ExplanationTooLargeError as error:
            raise ExplanationTooMuchError(str(error)) from error
        except ExplanationError as error:
            raise NotExplainableError(f"The answer cannot be explained: {error}.") from error

    def _judged(
        self, steps: Generator[float, None, Explanations], pace: Pace, rows: int
    ) -> Generator[float, None, Explanations]:
        """Do the steps, unless it is too much by what the first ones take: what was begun in earnest is ended."""
        judged = False
        while True:
            try:
                done = next(steps)
            except StopIteration as end:
                found: Explanations = end.value
                return found
            yield done
            if not judged and pace.row is not None:
                judged, row = True, pace.row
                if row > self._seconds:
                    pace.forget()  # the next one measures again
                self._judge(row, rows)

    def _judge(self, row: float, rows: int) -> None:
        """Refuse what would take longer than a request may."""
        fits = int(self._seconds / row) if row else rows
        if fits < rows:
            raise ExplanationTooLargeError.of(rows, fits)
