"""Encoders of categories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from skyulf_core.interop.reading.gaps import is_missing, scalar_of
from skyulf_core.interop.reading.line import Line, Settings, Step
from skyulf_core.nodes.encoding.indicators import Group
from skyulf_core.params import Params, Scalar

_MISSING = "(missing)"
_ONE_HOT = ("drop", "categories", "handle_unknown", "max_categories", "min_frequency")
_ORDINAL = ("categories", "handle_unknown", "unknown_value", "encoded_missing_value")
_TARGET_ENDING = "target"


@dataclass
class Known:
    """The categories of a column in scikit-learn's order; None is a missing value, which is a category there."""

    column: str
    values: list[Scalar]
    rare: list[Scalar] = field(default_factory=list)

    @property
    def present(self) -> list[Scalar]:
        """The categories without the missing one."""
        return [value for value in self.values if value is not None]

    @property
    def knows_missing(self) -> bool:
        """Whether a missing value is a category."""
        return None in self.values


def _known(line: Line, step: Step) -> list[Known]:
    """Return the categories of each column, as values of the column's type."""
    found = []
    for name, categories in zip(step.columns, step.estimator.categories_, strict=True):
        values = _values(line, step, name, categories)
        if values.count(None) > 1:
            step.refuse(f"column {name!r} has both None and NaN as categories; supported is one kind of missing value")
        found.append(Known(name, values))
    return found


def _values(line: Line, step: Step, name: str, categories: Iterable[object]) -> list[Scalar]:
    dtype = line.frame.schema[name]
    return [None if is_missing(value) else scalar_of(step, name, value, dtype) for value in categories]


def _fill_unknown(line: Line, step: Step, known: Sequence[Known]) -> None:
    """Put a category that nobody has where a value is missing: scikit-learn takes it for an unknown one."""
    _filled(line, step, [one for one in known if not one.knows_missing and one.column not in line.complete], known)


def _fill_rare(line: Line, step: Step, known: Sequence[Known]) -> None:
    """Make missing values a category like others where they are one of the infrequent ones."""
    chosen = [one for one in known if None in one.rare]
    marks = _filled(line, step, chosen, known)
    for one in chosen:
        mark = marks[one.column]
        one.values = [mark if value is None else value for value in one.values]
        one.rare = [mark if value is None else value for value in one.rare]


def _filled(line: Line, step: Step, chosen: Sequence[Known], known: Sequence[Known]) -> dict[str, Scalar]:
    """Fill the gaps of columns with a value that none of them has; return it by column. Booleans have no other."""
    schema, seen = line.frame.schema, {value for one in known for value in one.present}
    text = _MISSING
    while text in seen:
        text = f"({text})"
    above = max((float(value) for value in seen if isinstance(value, int | float)), default=0.0) + 1.0
    marks: dict[str, Scalar] = {}
    texts = [one.column for one in chosen if schema[one.column] == pl.String]
    numbers = [one.column for one in chosen if schema[one.column].is_numeric()]
    fills: list[tuple[list[str], Scalar]] = [(texts, text), (numbers, above)]
    for columns, value in fills:
        if columns:
            config = {"columns": columns, "strategy": "constant", "fill_value": value}
            line.add(step, "SimpleImputer", config, Params(columns=columns, values=[value] * len(columns)))
            line.complete.update(columns)
            marks.update(dict.fromkeys(columns, value))
    return marks


def read_one_hot_encoder(line: Line, step: Step) -> list[str]:
    """Read the categories, and which of them are grouped or left out."""
    rule = step.estimator.handle_unknown
    if rule not in ("error", "ignore", "infrequent_if_exist"):
        step.refuse(f"its parameter handle_unknown is {rule!r}; supported are error, ignore and infrequent_if_exist")
    known = _known(line, step)
    for one, rare in zip(known, _rare(step), strict=True):
        one.rare = _values(line, step, one.column, rare)
    if rule != "ignore":
        _fill_unknown(line, step, known)
    _fill_rare(line, step, known)
    drops = _drops(step, known)
    taken = iter(line.new_names([f"{one.column}_{_label(slot)}" for one in known for slot in _slots(one)]))
    written = {one.column: [(slot, next(taken)) for slot in _slots(one)] for one in known}
    for one, drop in zip(known, drops, strict=True):
        del written[one.column][: int(drop)]
    for drop in dict.fromkeys(drops):
        chosen = [one for one, dropped in zip(known, drops, strict=True) if dropped is drop]
        _add_one_hot(line, step, {one.column: _group(one, written[one.column]) for one in chosen}, drop_first=drop)
    outputs = [name for one in known for _, name in written[one.column]]
    line.complete.update(outputs)
    return outputs


def _add_one_hot(line: Line, step: Step, groups: Mapping[str, Group], *, drop_first: bool) -> None:
    encoder = step.estimator
    config: Settings = {
        "columns": list(groups),
        "handle_unknown": encoder.handle_unknown,
        "drop_first": drop_first,
        "include_missing": any(group.missing_output for group in groups.values()),
        "max_categories": encoder.max_categories,
        "min_frequency": encoder.min_frequency or None,
    }
    params = Params(
        columns=list(groups),
        groups=[vars(group) for group in groups.values()],
        handle_unknown=encoder.handle_unknown,
        drop_original=True,
    )
    line.add(step, "OneHotEncoder", step.settings("OneHotEncoder", fixed=config, free=_ONE_HOT), params)


_Slot = tuple[str, Scalar]


def _slots(one: Known) -> list[_Slot]:
    """Return what gets a column, in scikit-learn's order: frequent categories, then the infrequent ones together."""
    frequent = [value for value in one.values if value not in one.rare]
    slots: list[_Slot] = [("missing", None) if value is None else ("value", value) for value in frequent]
    return [*slots, ("infrequent", None)] if one.rare else slots


def _label(slot: _Slot) -> str:
    kind, value = slot
    if kind != "value":
        return kind
    return str(value).lower() if isinstance(value, bool) else str(value)


def _group(one: Known, written: Sequence[tuple[_Slot, str]]) -> Group:
    names = dict(written)
    frequent = [value for value in one.present if value not in one.rare]
    return Group(
        column=one.column,
        categories=frequent,
        outputs=[names.get(("value", value)) for value in frequent],
        infrequent=one.rare,
        infrequent_output=names.get(("infrequent", None)),
        missing_output=names.get(("missing", None)),
    )


def _rare(step: Step) -> list[Iterable[object]]:
    enabled = step.estimator.max_categories is not None or step.estimator.min_frequency is not None
    found = step.estimator.infrequent_categories_ if enabled else [None] * len(step.columns)
    return [() if rare is None else rare for rare in found]


def _drops(step: Step, known: Sequence[Known]) -> list[bool]:
    """Say for each column whether its first slot is left out."""
    drop = step.estimator.drop
    if drop is None:
        return [False] * len(known)
    if isinstance(drop, str):
        return [drop == "first" or len(_slots(one)) == 2 for one in known]
    dropped = step.estimator.drop_idx_
    positions = [None] * len(known) if dropped is None else list(dropped)
    if any(position not in (None, 0) for position in positions) or any(one.rare for one in known):
        step.refuse("its parameter drop names categories that are not the first ones; supported are first, if_binary")
    return [position is not None for position in positions]


def read_ordinal_encoder(line: Line, step: Step) -> list[str]:
    """Read the order of categories; columns whose missing values are treated differently become several nodes."""
    encoder = step.estimator
    if getattr(encoder, "infrequent_categories_", None) and any(rare is not None for rare in _rare(step)):
        step.refuse("it groups infrequent categories; supported are codes of all categories")
    known = _known(line, step)
    strict = encoder.handle_unknown == "error"
    if strict:
        _fill_unknown(line, step, known)
    unknown = -1 if strict else _code(step, "unknown_value")
    for knows in dict.fromkeys(one.knows_missing for one in known):
        chosen = [one for one in known if one.knows_missing is knows]
        columns = [one.column for one in chosen]
        missing = _code(step, "encoded_missing_value") if knows else None if strict else unknown
        rules = {"handle_unknown": encoder.handle_unknown, "unknown_value": unknown, "missing_value": missing}
        config: Settings = {
            "columns": columns, **rules, "categories_order": {one.column: one.present for one in chosen},
        }  # fmt: skip
        params = Params(columns=columns, categories=[one.present for one in chosen], **rules)
        line.add(step, "OrdinalEncoder", step.settings("OrdinalEncoder", fixed=config, free=_ORDINAL), params)
    return step.columns


def _code(step: Step, parameter: str) -> int | None:
    value = getattr(step.estimator, parameter)
    if is_missing(value):
        return None
    if int(value) != value or value > -1:
        step.refuse(f"its parameter {parameter} is {value!r}; supported are NaN and whole numbers below 0")
    return int(value)


def read_target_encoder(line: Line, step: Step) -> list[str]:
    """Read the means of the target."""
    encoder, known = step.estimator, _known(line, step)
    kind = encoder.target_type_
    labels = [] if kind == "continuous" else [_json(label) for label in encoder.classes_]
    endings = [_label(("value", label)) for label in labels] if kind == "multiclass" else [_TARGET_ENDING]
    flat = line.new_names([f"{one.column}_{ending}" for one in known for ending in endings])
    width = len(endings)
    tables = [np.asarray(table, np.float64).tolist() for table in encoder.encodings_]
    params = Params(
        columns=step.columns,
        outputs=[flat[width * i : width * (i + 1)] for i in range(len(known))],
        keys=[one.values for one in known],
        values=[tables[width * i : width * (i + 1)] for i in range(len(known))],
        means=np.atleast_1d(np.asarray(encoder.target_mean_, np.float64)).tolist(),
        target_type=kind,
        labels=labels,
    )
    settings = step.settings("TargetEncoder", fixed={"columns": step.columns}, free=("categories",))
    line.add(step, "TargetEncoder", settings, params)
    line.complete.update(flat)
    return flat


def _json(label: object) -> Scalar:
    value = label.item() if isinstance(label, np.generic) else label
    return value if isinstance(value, bool | int | float | str) else str(value)
