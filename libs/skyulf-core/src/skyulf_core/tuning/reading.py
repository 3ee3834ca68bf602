"""From a written dimension to a typed one, and what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import cast

from pydantic import JsonValue

from skyulf_core.problems import Problem, did_you_mean, pointer_part
from skyulf_core.tuning.dimensions import MOST_CHOICES, MOST_VALUES, Choices, Dimension, FloatRange, IntRange, key_of

_KEYS = ("choices", "low", "high", "log", "step", "type", "when")


class DimensionError(Exception):
    """A dimension cannot be read; carries the problem, its pointer relative to the dimension."""

    def __init__(self, message: str, code: str, *, at: str = "", hint: str | None = None) -> None:
        self.problem = Problem(at, message, code, suggestion=hint)
        super().__init__(message)


def read_dimension(raw: object, *, fractions: bool) -> Dimension:
    """Read `{"choices": […]}`, a list of choices, or `{"low", "high", "log"?, "step"?, "type"?}`.

    A range is one of whole numbers where `low` and `high` are, unless the parameter takes `fractions` or `type` says
    otherwise. Raises DimensionError.
    """
    if isinstance(raw, list):
        raw = {"choices": raw}
    if not isinstance(raw, Mapping):
        raise DimensionError(
            "A parameter's range is an object.", "wrong-type", hint='Write {"low": 1, "high": 9} or {"choices": […]}.'
        )
    for key in raw:
        if key not in _KEYS:
            hint = did_you_mean(str(key), _KEYS) or f"Known keys: {', '.join(_KEYS)}."
            raise DimensionError(f"Unknown key {key!r}.", "unknown-key", at=f"/{pointer_part(str(key))}", hint=hint)
    if "choices" in raw:
        return _choices(raw)
    return _range(raw, fractions=fractions)


def _choices(raw: Mapping[str, object]) -> Choices:
    other = next((key for key in ("low", "high", "log", "step") if key in raw), None)
    if other is not None:
        raise DimensionError(f"A range has choices, or {other!r}, not both.", "two-forms", at=f"/{other}")
    options = raw["choices"]
    if not isinstance(options, list):
        raise DimensionError("choices must be a list.", "wrong-type", at="/choices")
    if not options:
        raise DimensionError("There is nothing to choose from.", "empty-range", at="/choices", hint="Name one or more.")
    if len(options) > MOST_CHOICES:
        message = f"There are {len(options):,} choices; {MOST_CHOICES:,} are the most."
        raise DimensionError(message, "too-many", at="/choices", hint='Name fewer, or a range: {"low": 1, "high": 9}.')
    seen = set[Hashable]()
    for index, option in enumerate(options):
        key = key_of(option)
        if key in seen:
            raise DimensionError(f"{option!r} is a choice already.", "duplicate-choice", at=f"/choices/{index}")
        seen.add(key)
    return Choices(tuple(cast("list[JsonValue]", options)))


def _range(raw: Mapping[str, object], *, fractions: bool) -> Dimension:
    low, high = _number(raw, "low"), _number(raw, "high")
    log, kind = raw.get("log", False), raw.get("type")
    if not isinstance(log, bool):
        raise DimensionError("log must be true or false.", "wrong-type", at="/log")
    if kind not in (None, "int", "float"):
        raise DimensionError(
            f"There is no type {kind!r}.", "invalid-value", at="/type", hint="It is int or float; or name choices."
        )
    if low >= high:
        message = f"The range from {low} to {high} is empty." if low > high else f"The range holds {low} only."
        raise DimensionError(message, "empty-range", at="/low", hint="low must be smaller than high.")
    if log and low <= 0:
        raise DimensionError(
            "A logarithmic range begins above 0.", "invalid-value", at="/low", hint="Choose a small number above 0."
        )
    step = None if raw.get("step") is None else _step(raw, high - low, log=log)
    return _typed(low, high, log, step, kind=kind, fractions=fractions)


def _typed(
    low: float, high: float, log: bool, step: float | None, *, kind: object, fractions: bool
) -> IntRange | FloatRange:
    whole = all(isinstance(value, int) for value in (low, high, 1 if step is None else step))
    if kind == "int" and not whole:
        raise DimensionError("A range of whole numbers has whole ends and steps.", "wrong-type", at="/type")
    if kind != "float" and whole and not (fractions and kind is None and step is None):
        return IntRange(int(low), int(high), log=log, step=1 if step is None else int(step))
    return FloatRange(float(low), float(high), log=log, step=None if step is None else float(step))


def _number(raw: Mapping[str, object], key: str) -> float:
    value = raw.get(key)
    if value is None:
        hint = 'Write {"low": 1, "high": 9} or {"choices": […]}.'
        raise DimensionError(f"The range has no {key!r}.", "missing-field", hint=hint)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise DimensionError(f"{key} must be a finite number.", "wrong-type", at=f"/{key}")
    return value


def _step(raw: Mapping[str, object], width: float, *, log: bool) -> float:
    step = _number(raw, "step")
    if log:
        raise DimensionError("A logarithmic range has no steps.", "invalid-value", at="/step", hint="Remove one.")
    if step <= 0:
        raise DimensionError("step must be greater than 0.", "invalid-value", at="/step")
    if step > width:
        raise DimensionError("The step is wider than the range.", "empty-range", at="/step", hint="Choose a smaller.")
    if width / step > MOST_VALUES:
        raise DimensionError(f"The range has more than {MOST_VALUES:,} steps.", "too-many", at="/step")
    return step


def read_when(raw: object) -> dict[str, tuple[JsonValue, ...]]:
    """Read the condition of a dimension: other parameters, and the values (or one) that they must have."""
    written = raw.get("when") if isinstance(raw, Mapping) else None
    if written is None:
        return {}
    if not isinstance(written, Mapping):
        raise DimensionError(
            "when is an object of parameters and their values.", "wrong-type", at="/when",
            hint='Write {"kernel": ["poly"]}.',
        )  # fmt: skip
    found = {str(name): tuple(values) if isinstance(values, list) else (values,) for name, values in written.items()}
    for name, values in found.items():
        if not values:
            message = f"The condition on {name!r} names no value, so it never holds."
            raise DimensionError(message, "empty-range", at=f"/when/{pointer_part(name)}")
    return cast("dict[str, tuple[JsonValue, ...]]", found)
