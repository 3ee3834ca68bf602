"""Contributions: what each column, or feature, added to one answer, and the same as a sentence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias, cast

from skyulf_core.serving.ops.base import Scalar

Method: TypeAlias = Literal["linear", "trees", "enumerated", "sampled"]
Unit: TypeAlias = Literal["probability", "log-odds", "score", "value", "logarithm", "share"]

_NEGLIGIBLE = 0.02
"""What is less than this part of all contributions is left out of sentences."""


@dataclass(frozen=True)
class Contribution:
    """What one column or feature added to the score of one row; `error` is its standard error where it is sampled."""

    name: str
    value: Scalar
    amount: float
    error: float = 0.0


@dataclass(frozen=True)
class Explanation:
    """Why one row is answered as it is: `base`, the mean score of the background rows, and the contributions to it.

    They add up to `score`, in the unit that `Explanations.unit` names: of the class `answer` in a classification, whose
    `probability` (after calibration) is there too. The largest contributions come first.
    """

    answer: Scalar
    probability: float | None
    base: float
    score: float
    contributions: tuple[Contribution, ...]

    def to_dict(self) -> dict[str, object]:
        """Return JSON values."""
        return {**vars(self), "contributions": [dict(vars(each)) for each in self.contributions]}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Explanation:
        """Read what `to_dict` returned."""
        parts = cast("list[dict[str, object]]", data["contributions"])
        read = tuple(Contribution(**each) for each in parts)  # type: ignore[arg-type]
        return cls(**{**data, "contributions": read})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Explanations:
    """Explanations of some rows.

    `method`: `linear`, `trees` and `enumerated` are exact Shapley values over the background rows, `sampled` an
    estimate whose sum is exact. `per`: contributions of input columns, or of features that the model is given. `unit`
    is that of scores: calibration and threshold come after `log-odds`, `score` and `logarithm`.
    """

    rows: tuple[Explanation, ...]
    method: Method
    per: Literal["column", "feature"]
    unit: Unit
    target: str | None
    background: int

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> Explanation:
        return self.rows[row]

    @property
    def exact(self) -> bool:
        """Whether contributions are computed, not sampled."""
        return self.method != "sampled"

    def mean_absolute(self) -> dict[str, float]:
        """Return the mean size of the contributions by name, the largest first: what the model goes by overall."""
        sums: dict[str, float] = defaultdict(float)
        for row in self.rows:
            for each in row.contributions:
                sums[each.name] += abs(each.amount) / len(self.rows)
        return dict(sorted(sums.items(), key=lambda item: -item[1]))

    def sentences(self, *, most: int = 3) -> list[str]:
        """Return one plain sentence per row, with up to `most` reasons for the answer and as many against it."""
        return [_sentence(row, self, most) for row in self.rows]

    def to_dict(self) -> dict[str, object]:
        """Return JSON values."""
        return {**vars(self), "rows": [row.to_dict() for row in self.rows]}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Self:
        """Read what `to_dict` returned."""
        rows = tuple(Explanation.from_dict(row) for row in cast("list[dict[str, object]]", data["rows"]))
        return cls(**{**data, "rows": rows})  # type: ignore[arg-type]


def _sentence(row: Explanation, whole: Explanations, most: int) -> str:
    size = sum(abs(each.amount) for each in row.contributions)
    kept = [each for each in row.contributions if size and abs(each.amount) > _NEGLIGIBLE * size]
    rises = _says_number(whole) and row.score < row.base
    towards = [each for each in kept if (each.amount < 0) == rises][:most]
    against = [each for each in kept if (each.amount < 0) != rises][:most]
    said = _answer(row, whole)
    if not towards and not against:
        return f"{said}: no column moves it."
    because = f" because {_listed(towards)}" if towards else ""
    but = f"; against it: {_listed(against)}" if against else ""
    return f"{said}{because}{but}."


def _says_number(whole: Explanations) -> bool:
    return whole.unit in ("value", "logarithm")


def _answer(row: Explanation, whole: Explanations) -> str:
    if _says_number(whole):
        away = row.score - row.base
        log = " in logarithms" if whole.unit == "logarithm" else ""
        usual = f"{abs(away):.4g} {'above' if away >= 0 else 'below'} the usual {row.base:.4g}{log}"
        return f"{whole.target} is {_number(row.answer)}, {usual},"
    sure = "" if row.probability is None else f" ({row.probability:.0%} sure)"
    return f"{whole.target or 'The answer'} is {_number(row.answer)}{sure}"


def _listed(parts: Sequence[Contribution]) -> str:
    said = [f"{each.name} {_value(each.value)} ({each.amount:+.3g})" for each in parts]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


def _value(value: Scalar) -> str:
    return "is missing" if value is None else f"is {_number(value)}"


def _number(value: Scalar) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
