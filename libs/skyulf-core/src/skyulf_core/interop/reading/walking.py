"""Pipelines, column transformers and unions: which step is given which columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from skyulf_core.interop.reading.catalogue import MODELS, STEPS, class_name, reader_of, supported, why_not
from skyulf_core.interop.reading.line import Line, Step
from skyulf_core.interop.reading.models import ReadModel
from skyulf_core.interop.reading.own import is_own, read_own

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

_PARTS = ("steps", "transformers_", "transformer_list")
_COPIES = 100
"""So many columns one Expression makes at most."""


def read(line: Line, step: Step) -> list[str]:
    """Add what a fitted transformer does; return the columns that come out, in scikit-learn's order."""
    name, estimator = class_name(step.estimator), step.estimator
    if passes(estimator):
        return step.columns
    if name == "Pipeline":
        return _read_each(line, step, estimator.steps)
    if name == "ColumnTransformer":
        return _read_columns(line, step)
    if name == "FeatureUnion":
        return _read_union(line, step)
    reader = read_own if is_own(estimator) else reader_of(STEPS, estimator)
    if reader is None:
        where = "a model stands at the end of a pipeline" if reader_of(MODELS, estimator) else "there is no such node"
        step.refuse(f"{where}. {supported()}")
    if not step.columns:
        return []
    return reader(line, step)


def read_all(line: Line, step: Step) -> tuple[list[str], ReadModel | None]:
    """Add what a fitted estimator does; return the columns that come out, and its model where it ends with one."""
    estimator = step.estimator
    if class_name(estimator) == "Pipeline":
        *before, (last, ending) = estimator.steps
        columns = _read_each(line, step, before)
        return read_all(line, Step(_below(step, last), ending, columns))
    reader = reader_of(MODELS, estimator)
    if reader is not None:
        return step.columns, reader(step)
    if hasattr(estimator, "predict") or hasattr(estimator, "fit_predict"):
        step.refuse(why_not(estimator))
    return read(line, step), None


def _read_each(line: Line, step: Step, steps: Sequence[tuple[str, Any]]) -> list[str]:
    columns = step.columns
    for name, estimator in steps:
        columns = read(line, Step(_below(step, name), estimator, columns))
    return columns


def _read_columns(line: Line, step: Step) -> list[str]:
    if step.estimator.transformer_weights:
        step.refuse("it has transformer_weights; supported are parts without weights")
    places = step.estimator._transformer_to_input_indices
    parts = [
        Step(_below(step, name), estimator, [step.columns[place] for place in places[name]])
        for name, estimator, _ in step.estimator.transformers_
        if not (isinstance(estimator, str) and estimator == "drop")
    ]
    return _read_parts(line, step, parts)


def _read_union(line: Line, step: Step) -> list[str]:
    if step.estimator.transformer_weights:
        step.refuse("it has transformer_weights; supported are parts without weights")
    parts = [
        Step(_below(step, name), estimator, step.columns)
        for name, estimator in step.estimator.transformer_list
        if not (isinstance(estimator, str) and estimator == "drop")
    ]
    return _read_parts(line, step, parts)


def _read_parts(line: Line, step: Step, parts: Sequence[Step]) -> list[str]:
    """Read parts side by side. A column that several parts change is copied first; one that none reads leaves."""
    uses = Counter(name for part in parts for name in part.columns)
    line.drop(step, [name for name in step.columns if name not in uses])
    given: list[Step] = []
    copies: list[tuple[str, str]] = []
    seen: set[str] = set()
    for part in parts:
        columns = []
        for name in part.columns:
            columns.append(f"{name}\n{len(copies)}" if name in seen else name)
            if name in seen:
                copies.append((columns[-1], name))
            seen.add(name)
        given.append(Step(part.path, part.estimator, columns))
    named = _copied(line, step, copies)
    outputs = []
    for part in given:
        outputs += read(line, Step(part.path, part.estimator, [named.get(name, name) for name in part.columns]))
    return outputs


def _copied(line: Line, step: Step, copies: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Add the copies; return their names by what stands for them."""
    names = line.new_names([source for _, source in copies])
    for begin in range(0, len(copies), _COPIES):
        some = zip(names[begin : begin + _COPIES], copies[begin : begin + _COPIES], strict=True)
        line.add(step, "Expression", {"expressions": {name: _quoted(source) for name, (_, source) in some}})
    line.complete.update(name for name, (_, source) in zip(names, copies, strict=True) if source in line.complete)
    return {mark: name for (mark, _), name in zip(copies, names, strict=True)}


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def parts_of(estimator: BaseEstimator) -> Iterator[BaseEstimator]:
    """Yield the fitted estimators that are side by side or one after another in an estimator, innermost ones only."""
    parts = next((getattr(estimator, name) for name in _PARTS if hasattr(estimator, name)), None)
    if parts is None:
        yield estimator
        return
    for _, part, *_ in parts:
        if part is not None and not isinstance(part, str):
            yield from parts_of(part)


def passes(estimator: object) -> bool:
    """Say whether an estimator gives its columns as they are."""
    if estimator is None or (isinstance(estimator, str) and estimator == "passthrough"):
        return True
    return class_name(estimator) == "FunctionTransformer" and getattr(estimator, "func", "") is None


def _below(step: Step, name: str) -> str:
    return f"{step.path}__{name}" if step.path else name
