"""Conformal intervals and sets: answers with a stated coverage, from numbers that were learned on held-out rows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

Method: TypeAlias = Literal["absolute", "signed", "binned", "lac", "aps"]

INTERVALS = ("absolute", "signed", "binned")
SETS = ("lac", "aps")


@dataclass(frozen=True)
class Conformal:
    """How far answers may be from the truth, so that `coverage` of new rows like those of training are covered.

    Of a number, an interval from the prediction less `below` to the prediction plus `above`: one of each, or one for
    every bin of the predictions (`edges`, ascending; a prediction on an edge is in the upper bin). Of classes, a set:
    `lac` every class whose probability is at least 1 - `above[0]` (may be none), `aps` every class such that those more
    likely have at most `above[0]` together (the most likely one always; the first of equals is the more likely).
    `guaranteed`: learned from rows that neither the model nor a calibration has seen; else coverage is nearly that (of
    out-of-fold predictions, since the model learned from a few more rows than those of the folds).
    """

    method: Method
    coverage: float
    below: tuple[float, ...]
    above: tuple[float, ...]
    edges: tuple[float, ...] = ()
    rows: int = 0
    guaranteed: bool = True

    def __post_init__(self) -> None:
        if self.method not in INTERVALS + SETS or not 0 < self.coverage < 1:
            raise ValueError(f"conformal: method {self.method!r}, coverage {self.coverage!r}")
        bins = 1 if self.method in SETS else len(self.edges) + 1
        if len(self.above) != bins or len(self.below) != (0 if self.method in SETS else bins):
            raise ValueError(f"conformal: {len(self.below)} and {len(self.above)} reaches for {bins} bins")

    @property
    def makes_sets(self) -> bool:
        """Whether answers are sets of classes, not intervals."""
        return self.method in SETS

    def interval(self, prediction: float) -> tuple[float, float]:
        """Return the interval of one prediction."""
        bin_of = bisect_right(self.edges, prediction)
        return prediction - self.below[bin_of], prediction + self.above[bin_of]

    def codes(self, probabilities: Sequence[float]) -> list[int]:
        """Return the codes of the classes in the set of one row, ascending."""
        reach = self.above[0]
        if self.method == "lac":
            return [code for code, probability in enumerate(probabilities) if 1 - probability <= reach]
        found: list[int] = []
        before = 0.0
        for code in sorted(range(len(probabilities)), key=lambda code: -probabilities[code]):
            if found and before > reach:
                break
            found.append(code)
            before += probabilities[code]
        return sorted(found)

    def to_dict(self) -> dict[str, object]:
        """Return JSON values."""
        return {
            "method": self.method, "coverage": self.coverage, "below": list(self.below), "above": list(self.above),
            "edges": list(self.edges), "rows": self.rows, "guaranteed": self.guaranteed,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Conformal:
        """Read what `to_dict` returned."""
        lists = {key: tuple(map(float, cast("list[float]", data[key]))) for key in ("below", "above", "edges")}
        return cls(**{**data, **lists})  # type: ignore[arg-type]
