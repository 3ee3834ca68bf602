"""Explanations of a serving plan's answers: contributions of input columns, as the library's `explain` tells them."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from functools import cached_property, partial
from operator import add
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from skyulf_core.serving.errors import RowError
from skyulf_core.serving.explaining.asking import Asked, asked_of, asking_of
from skyulf_core.serving.explaining.background import rows_to_compare
from skyulf_core.serving.explaining.cells import Cells, cells_of_matrix, cells_of_rows
from skyulf_core.serving.explaining.contributions import Explanations, Method, Unit
from skyulf_core.serving.explaining.game_values import MOST_BACKGROUND_OF_GAMES, GameValues, asked_rows, game_steps
from skyulf_core.serving.explaining.numbers import Codes, Floats, some_of
from skyulf_core.serving.explaining.steps import counted, finished
from skyulf_core.serving.explaining.sums import Sum, matrix_of, origins_of, players_of, sum_of
from skyulf_core.serving.explaining.told import Told, told_of_sum
from skyulf_core.serving.ops.base import Columns, OpError, PlanError, Scalar
from skyulf_core.serving.plan import PlanModel

MOST_CELLS = 100_000_000
"""So much work at most for what is asked at once: rows x background rows x nodes of trees, or coefficients; of models
that are asked from outside, rows x rows of each game x columns."""

_CELLS_AT_ONCE = 5_000_000
"""So much of that for linear models and trees in one step."""

Rows = Sequence[Mapping[str, object]]
Steps = Generator[float, None, "Explanations"]
"""Work in steps, each of which yields how many rows are done; parts of rows count."""


class ExplanationError(PlanError):
    """A plan whose answers cannot be explained."""


class ExplanationTooLargeError(ExplanationError):
    """More work than one request may ask for; `rows` can be explained at once."""

    def __init__(self, message: str, rows: int) -> None:
        super().__init__(message)
        self.rows = rows

    @classmethod
    def of(cls, rows: int, fits: int) -> Self:
        """Say how many of so many rows can be explained at once; 0 for a model that is too large for one."""
        hint = f"send at most {fits}" if fits else "this model is too large to be explained in a request"
        return cls(f"Explaining {rows} rows at once is too much work; {hint}.", fits)


class _Summed(NamedTuple):
    sum: Sum
    names: list[str]
    players: Codes


class PlanExplainer:
    """Explains answers of a plan by comparing rows with background rows. Immutable; shared between threads.

    Linear models, forests and boosted trees are told exactly where every feature comes from one input column; every
    other plan is asked about mixed rows, exactly for few columns, else by sampling, with an error.
    """

    def __init__(self, model: PlanModel, background: Rows) -> None:
        """Look at the background. Raises PlanError for rows that the plan refuses."""
        self.model = model
        self.background = list(background)
        try:
            if self.background:
                model.predict_batch(self.background)
        except RowError as error:
            raise PlanError(f"background rows are refused: {error}") from error

    def explain(self, rows: Rows, *, most_cells: int | None = None) -> Explanations:
        """Explain rows of JSON values.

        Raises RowError for rows that are refused, ExplanationError where there is no background or where rows cannot be
        mixed, ExplanationTooLargeError where it would be more work than `most_cells` (see MOST_CELLS).
        """
        return finished(self.steps(rows, most_cells=most_cells))

    def steps(self, rows: Rows, *, most_cells: int | None = None) -> Steps:
        """Explain rows as `explain` does, in steps of well below a second, between which the work can be left.

        Yields how many rows are done: 0 when the work has been prepared, then more and more.
        """
        if not self.background:
            raise ExplanationError("the bundle holds no rows to compare with; train the model anew")
        columns = self.model.checked(rows)
        try:
            said = asked_of(self.model, columns, len(rows))
        except OpError as error:
            raise RowError(self.model.problems(error)) from None
        summed = self._summed
        found = None if summed is None else (yield from self._of_sum(summed, rows, columns, said, most_cells))
        return found or (yield from self._from_outside(rows, said, most_cells))

    @cached_property
    def read(self) -> list[str]:
        """The columns that answers depend on, or whose null is refused, in the order of the input."""
        names = [column.name for column in self.model.input_schema]
        origins = {name: frozenset({name}) for name in names}
        refused = frozenset[str]().union(*(op.trace(origins) for op in self.model.document.ops))
        return [name for name in names if name in self.model.required_fields | refused]

    @cached_property
    def _summed(self) -> _Summed | None:
        found = sum_of(self.model.ops)
        if found is None:
            return None
        if self.model.sequence:
            return _Summed(found, list(found.op.features), np.arange(len(found.op.features)))
        names = [column.name for column in self.model.input_schema]
        players = players_of(origins_of(found.before, found.op.features, names), self.read)
        return None if players is None else _Summed(found, *players)

    def _of_sum(
        self, summed: _Summed, rows: Rows, columns: Columns, said: Asked, most_cells: int | None
    ) -> Generator[float, None, Explanations | None]:
        part, count = summed.sum, len(said)
        chosen = some_of(len(self.background), part.background)
        cells = len(chosen) * part.cells
        self._bounded(count, cells, most_cells)
        try:
            own = matrix_of(columns, part.before, part.op.features, count)
            behind = matrix_of(self.model.checked(self.background), part.before, part.op.features, len(self.background))
        except OpError as error:
            raise RowError(self.model.problems(error)) from None
        yield 0
        told = yield from _in_steps(summed, own, behind[chosen], max(1, _CELLS_AT_ONCE // max(cells, 1)))
        if told is None:
            return None
        classes: list[Scalar] = list(self.model.classes or [])
        codes = [classes.index(answer) if classes else 0 for answer in said.answers]
        each = [
            told_of_sum(summed.names, told[0][row], told[1], code=codes[row], classes=len(classes))
            for row in range(count)
        ]
        unit = part.unit(labels=bool(classes))
        shown = cells_of_matrix(own, summed.names) if self.model.sequence else cells_of_rows(self.model, rows)
        return self._explanations(each, shown, said, part.method, unit, len(chosen))

    def _from_outside(self, rows: Rows, said: Asked, most_cells: int | None) -> Steps:
        chosen = some_of(len(self.background), MOST_BACKGROUND_OF_GAMES)
        try:
            asking = asking_of(self.model, rows, self.background, chosen, self.read)
            count = len(asking.names)
            self._bounded(len(said), asked_rows(count, len(chosen)) * count, most_cells)
            yield 0
            games: list[GameValues] = []
            for row in range(len(said)):
                work = game_steps(asking.says(row, said), count, len(chosen))
                games.append((yield from counted(work, partial(add, row))))
                yield row + 1
        except OpError as error:
            raise ExplanationError(f"rows mixed with background rows are refused: {error}") from error
        told = [Told(asking.names, game.values, game.errors, game.base) for game in games]
        method: Method = "enumerated" if all(game.exact for game in games) else "sampled"
        cells = asking.cells() if self.model.sequence else cells_of_rows(self.model, rows)
        return self._explanations(told, cells, said, method, said.unit, len(chosen))

    def _bounded(self, rows: int, cells: int, most: int | None) -> None:
        if most is None or rows * cells <= most:
            return
        raise ExplanationTooLargeError.of(rows, most // cells)

    def _explanations(
        self, told: Sequence[Told], cells: Cells, said: Asked, method: Method, unit: Unit, background: int
    ) -> Explanations:
        model = self.model
        if not all(np.isfinite(each.amounts).all() and np.isfinite(each.base) for each in told):
            raise ExplanationError("values of the rows, or of those they are compared with, are too large to add up")
        found = tuple(
            each.explanation(said.answers[row], said.probability(row), cells[row]) for row, each in enumerate(told)
        )
        target = model.target if model.task in ("classification", "regression") else None
        return Explanations(found, method, "feature" if model.sequence else "column", unit, target, background)


def _in_steps(
    summed: _Summed, own: Floats, behind: Floats, size: int
) -> Generator[float, None, tuple[Floats, Floats] | None]:
    """Return the values of a sum and its base, of so many rows at a time; None where it cannot be told."""
    found: list[tuple[Floats, Floats]] = []
    for begin in range(0, len(own), size):
        told = summed.sum.values(own[begin : begin + size], behind, summed.players, len(summed.names))
        if told is None:
            return None
        found.append(told)
        yield min(begin + size, len(own))
    return np.concatenate([values for values, _ in found]), found[0][1]


def load_explainer(model: PlanModel, source: Path | str | Mapping[str, bytes]) -> PlanExplainer:
    """Return the explainer of a bundle's plan with the bundle's background. Raises PlanError for a broken one."""
    return PlanExplainer(model, rows_to_compare(source))
