"""The one data plane behind every transport."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from uuid import UUID

from skyulf_core.serving.errors import RowError
from skyulf_core.serving.plan import PredictionBatch
from skyulf_service.errors import FieldProblem, SkyulfError
from skyulf_service.telemetry.tracing import span

from skyulf_inference.domain.errors import (
    DeploymentNotReadyError,
    DeploymentUnknownError,
    NoIntervalsError,
    RowsRefusedError,
    TooManyRowsError,
)
from skyulf_inference.runtime.meters import is_recorded
from skyulf_inference.runtime.models import Live, ModelShelf

INLINE_ROWS = 32
SHOWN_PROBLEMS = 100
COLD_SECONDS = 5.0
UNEXPECTED = "internal-error"


@dataclass(frozen=True, slots=True)
class Answer:
    """Predictions, and which version made them."""

    live: Live
    batch: PredictionBatch


class Predictor:
    """Answers predictions from what this replica holds. Row pointers begin with ``at`` (``/rows`` or ``/row``)."""

    def __init__(self, shelf: ModelShelf, *, max_rows: int) -> None:
        self._shelf = shelf
        self._max_rows = max_rows

    async def live(self, project_id: UUID, name: str, *, others: bool = False) -> Live:
        """Return what serves the deployment; a model that is being loaded is waited for, for a few seconds.

        Raises `DeploymentUnknownError` or `DeploymentNotReadyError`. Where ``others`` can be asked, who serve all, the
        latter also for a deployment that this replica is not for, or that names another version than it serves.
        """
        key = project_id, name
        if others and self._shelf.wanted is not None and (key not in self._shelf.wanted or key in self._shelf.outdated):
            raise DeploymentNotReadyError(f"This endpoint does not serve what {name!r} is by now.")
        live = self._shelf.get(project_id, name)
        if live is not None:
            return live
        if self._shelf.wanted is None:
            raise DeploymentNotReadyError("This replica has just begun, and does not know yet what is deployed.")
        if key not in self._shelf.wanted:
            raise DeploymentUnknownError(f"There is no deployment {name!r} in this project.")
        live = await self._shelf.wait_while_loading(key, COLD_SECONDS)
        if live is None:
            raise DeploymentNotReadyError(f"Deployment {name!r} has no loaded model; see its status.")
        return live

    async def predict(
        self, live: Live, rows: Sequence[Mapping[str, object]], *, single: bool, intervals: bool = False
    ) -> Answer:
        """Predict rows, with intervals or sets where they are asked for.

        Raises `TooManyRowsError`, `RowsRefusedError` naming each row and field, and `NoIntervalsError`.
        """
        began = perf_counter()
        try:
            if is_recorded():
                with span("predict", _facts(live, len(rows))):
                    answer = await self._predict(live, rows, single=single, intervals=intervals)
            else:
                answer = await self._predict(live, rows, single=single, intervals=intervals)
        except SkyulfError as error:
            live.meter.refused(error.code)
            raise
        except Exception:
            live.meter.refused(UNEXPECTED)
            raise
        live.meter.answered(len(rows), perf_counter() - began)
        return answer

    async def _predict(
        self, live: Live, rows: Sequence[Mapping[str, object]], *, single: bool, intervals: bool
    ) -> Answer:
        if len(rows) > self._max_rows:
            raise TooManyRowsError(f"{len(rows)} rows in one request; the most is {self._max_rows}.")
        plan = live.loaded.plan
        if intervals and plan.document.conformal is None:
            raise NoIntervalsError(
                f"{live.model} version {live.model_version} has learned neither intervals nor sets; "
                "train it with validation.conformal."
            )
        try:
            if len(rows) <= INLINE_ROWS:
                return Answer(live, plan.predict_rows(rows, intervals=intervals))
            return Answer(live, await asyncio.to_thread(plan.predict_rows, rows, intervals=intervals))
        except RowError as error:
            raise refused(error, single=single) from error


def _facts(live: Live, rows: int) -> dict[str, str | int | float | bool]:
    return {
        "skyulf.deployment": live.deployment,
        "skyulf.model": live.model,
        "skyulf.model_version": live.model_version,
        "skyulf.rows": rows,
    }


def refused(error: RowError, *, single: bool) -> RowsRefusedError:
    """Translate a plan's complaints into a problem with pointers."""
    problems = [
        FieldProblem(_pointer(problem.row_index, problem.field, single), problem.message, problem.code)
        for problem in error.problems[:SHOWN_PROBLEMS]
    ]
    first = error.problems[0]
    where = f"field {first.field!r}" if first.field else "the row"
    more = f" ({len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
    return RowsRefusedError(f"Row {first.row_index}: {where} {first.message}{more}.", errors=problems)


def _pointer(row: int, field: str, single: bool) -> str:
    escaped = field.replace("~", "~0").replace("/", "~1")
    base = "/row" if single else f"/rows/{row}"
    return f"{base}/{escaped}" if field else base
