"""Weights of classes: named by the labels of the target in a configuration, counted by codes when a model learns.

A class that is not named weighs 1. Weights of classes multiply the weights of rows, as in scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, Field

from skyulf_core.problems import DataError, did_you_mean

if TYPE_CHECKING:
    from skyulf_core.nodes.base import Label

MOST = 1e150
"""Weights beyond it have sums and squares that are no numbers."""
_MOST_NAMED = 20


def _reading(*words: str) -> BeforeValidator:
    """Return what reads a word, nothing, or weights of labels."""

    def read(value: object) -> object:
        if value is None or (isinstance(value, str) and value in words):
            return value
        if not isinstance(value, Mapping):
            known, near = " or ".join(map(repr, words)), did_you_mean(str(value), words)
            hint = f". {near} It" if near else "; it"
            raise ValueError(f"{value!r} is no class_weight{hint} is {known}, null, or labels with their weights")
        return _by_label(value)

    return BeforeValidator(read)


def _by_label(value: Mapping[object, object]) -> dict[str, float]:
    """Return weights by the texts of their labels. Raises ValueError for what is no weight."""
    if not value:
        raise ValueError("it names no class; leave it out, or name labels of the target with their weights")
    found: dict[str, float] = {}
    for label, weight in value.items():
        text = _text(label)
        if text in found:
            raise ValueError(f"it names the label {text!r} twice")
        found[text] = _weight(text, weight)
    return found


def _text(label: object) -> str:
    plain = label.item() if isinstance(label, np.generic) else label
    if isinstance(plain, bool):
        return "true" if plain else "false"
    if isinstance(plain, str | int | float):
        return str(plain)
    raise ValueError(f"{label!r} is no label of a target: labels are texts, numbers and booleans")


def _weight(text: str, weight: object) -> float:
    if isinstance(weight, bool) or not isinstance(weight, int | float | np.integer | np.floating):
        raise ValueError(f"the weight of the label {text!r} is {weight!r}; weights are numbers of at least 0")
    found = float(weight)
    if not 0 <= found <= MOST:
        bound = "at least 0" if found < 0 else f"finite, and at most {MOST:.0e}"
        raise ValueError(f"the weight of the label {text!r} is {weight!r}; weights must be {bound}")
    return found


ByLabel: TypeAlias = dict[str, Annotated[float, Field(ge=0)]]
ClassWeight: TypeAlias = Annotated[
    Annotated[Literal["balanced"] | ByLabel | None, _reading("balanced")],
    Field(
        title="Class weight",
        description="balanced weights every class by the inverse of its frequency; an object names labels of the "
        "target with their weights (others weigh 1); null weights all classes the same.",
    ),
]
ForestClassWeight: TypeAlias = Annotated[
    Annotated[Literal["balanced", "balanced_subsample"] | ByLabel | None, _reading("balanced", "balanced_subsample")],
    Field(
        title="Class weight",
        description="balanced: by inverse frequency; …_subsample: in each tree's sample; an object names labels of "
        "the target with their weights (others weigh 1).",
    ),
]
Weighing: TypeAlias = str | Mapping[str, float] | None
"""What a configuration says of the weights of classes."""


def coded(
    weights: Mapping[str, float], classes: Sequence[Label], known: Sequence[Label], node: str
) -> dict[str, float]:
    """Return a weight for the code of each class. `known` are the labels of the target, `classes` those learned.

    Raises DataError for a label that is not known, and where fewer than two of the classes weigh more than 0.
    """
    found = dict.fromkeys(range(len(classes)), 1.0)
    named: dict[Label, str] = {}
    by_text = {_text(label): label for label in known}
    for text, weight in weights.items():
        label = by_text[text] if text in by_text else _label(text, known, node)
        if label in named:
            message = f"class_weight names the label {label!r} twice, as {named[label]!r} and {text!r}"
            raise DataError(message, reason="duplicate-class", node=node)
        named[label] = text
        if label in classes:
            found[classes.index(label)] = weight
    if sum(weight > 0 for weight in found.values()) < min(2, len(classes)):
        message = (
            "class_weight gives a weight above 0 to fewer than two of the classes "
            f"{_listed(classes)}; there is nothing to learn"
        )
        raise DataError(message, reason="zero-weights", node=node)
    return {str(code): weight for code, weight in found.items()}


def _label(text: str, known: Sequence[Label], node: str) -> Label:
    for label in known:
        if not isinstance(label, str) and _same(text, label):
            return label
    near = did_you_mean(text, [_text(label) for label in known])
    hint = f"; {near[0].lower()}{near[1:]}" if near else ""
    message = f"class_weight names the label {text!r}, which the target does not have: its labels are {_listed(known)}"
    raise DataError(f"{message}{hint}", reason="unknown-class", node=node)


def _same(text: str, label: bool | int | float) -> bool:
    """Say whether a text is a number, `True` or `False` written in another way than ours: 1.0 is 1."""
    if isinstance(label, bool):
        return text.lower() == _text(label)
    try:
        return float(text) == label
    except ValueError:
        return False


def _listed(labels: Sequence[Label]) -> str:
    return ", ".join(map(repr, labels[:_MOST_NAMED])) + (", …" if len(labels) > _MOST_NAMED else "")


def fields_of(config: BaseModel, *, exclude: set[str] | None = None) -> dict[str, object]:
    """Return the fields of a configuration as an estimator of scikit-learn takes them, where labels are codes."""
    found: dict[str, object] = config.model_dump(exclude=exclude)
    weighing = found["class_weight"]
    if isinstance(weighing, Mapping):
        found["class_weight"] = {int(code): weight for code, weight in weighing.items()}
    return found


def weighed(
    target: NDArray[np.generic], weights: NDArray[np.float64] | None, weighing: Weighing, node: str
) -> NDArray[np.float64] | None:
    """Return the weights of rows times those of their classes, for models that weigh rows only.

    Balanced are rows as they are counted, whatever they weigh, as by scikit-learn's `compute_sample_weight`.
    Raises DataError where all of the products are 0, or one is beyond what models can sum.
    """
    if weighing is None:
        return weights
    codes = target.astype(np.int64)
    counts = np.bincount(codes)
    if isinstance(weighing, Mapping):
        table = np.array([weighing.get(str(code), 1.0) for code in range(len(counts))])
    else:
        table = len(codes) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    found = table[codes] if weights is None else table[codes] * weights
    if not found.any() or found.max() > MOST:
        what = f"beyond {MOST:.0e}" if found.any() else "0 in all rows"
        message = f"the weights of rows times class_weight are {what}; choose other weights"
        raise DataError(message, reason="infinite-weights" if found.any() else "zero-weights", node=node)
    return found
