"""Votes, stacks and calibrated classifiers: models made of models, each read by its own reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import polars as pl
from pydantic import JsonValue

from skyulf_core.interop.reading.line import Step
from skyulf_core.interop.reading.models import ModelReader, ReadModel, read_model
from skyulf_core.models._calibration import calibration_arrays
from skyulf_core.models._members import Member, Take, packed
from skyulf_core.models._stacking import answer_names, seen_columns, stack_params
from skyulf_core.models.calibrated_classifier import calibrated_params
from skyulf_core.params import Params

_TAKES: dict[str, Take] = {
    "predict_proba": "probabilities", "decision_function": "scores", "predict": "prediction"
}  # fmt: skip


def read_voting(step: Step, *, member: ModelReader) -> ReadModel:
    """Read the models that vote, and how much each counts."""
    model, classes = step.estimator, _labels(step.estimator)
    members, learners = _named(step, member, codes=classes)
    given = model.weights
    pairs = zip(model.estimators, given if given is not None else [1.0] * len(model.estimators), strict=True)
    votes = [float(weight) for (_, each), weight in pairs if not _dropped(each)]
    fixed = {"estimators": learners, "weights": None if given is None else votes}
    free = ("estimators", "weights", "flatten_transform")
    if classes is None:
        return read_model(step, "voting_regressor", Params(packed(members), weights=votes), free=free, fixed=fixed)
    params = Params(packed(members), n_classes=len(classes), soft=model.voting == "soft", weights=votes)
    return read_model(step, "voting_classifier", params, free=free, fixed=fixed)


def read_stacking(step: Step, *, member: ModelReader) -> ReadModel:
    """Read the models, and the one that learns from their answers."""
    model, classes = step.estimator, _labels(step.estimator)
    members, learners = _named(step, member, codes=classes)
    takes = [_TAKES[method] for method in model.stack_method_]
    with step.refusing():
        widths = [_width(each, take, step.columns) for each, take in zip(members, takes, strict=True)]
    seen = [*answer_names(sum(widths), step.columns), *(step.columns if model.passthrough else ())]
    final = member(Step(f"{step.name}__final_estimator", model.final_estimator_, seen))
    last = _member(step, final, model.final_estimator_, _codes(classes))
    fixed = {"estimators": learners, "cv": _folds(step), "final_estimator": _learner(final, classes)}
    params = stack_params(
        [*members, last], takes, widths, passthrough=bool(model.passthrough), classes=len(classes or ())
    )
    node = "stacking_regressor" if classes is None else "stacking_classifier"
    return read_model(step, node, params, free=("estimators", "cv", "final_estimator"), fixed=fixed)


def read_calibrated(step: Step, *, member: ModelReader) -> ReadModel:
    """Read the models of the folds, and the calibration of each."""
    model, classes = step.estimator, _labels(step.estimator) or []
    members, calibrations, found = [], [], None
    for part in model.calibrated_classifiers_:
        found = member(Step(f"{step.name}__estimator", part.estimator, step.columns))
        each = _member(step, found, part.estimator, classes)
        with step.refusing():
            take = each.takes(step.columns, ("scores", "probabilities"))
        if (take == "scores") != hasattr(part.estimator, "decision_function"):
            name = type(part.estimator).__name__
            step.refuse(f"it calibrates the decision function of {name}, whose node has none that is the same")
        source = cast("Any", take)
        if model.method in ("sigmoid", "isotonic"):  # others are refused with the settings
            calibrations.append(calibration_arrays(part.calibrators, len(classes), method=model.method, source=source))
        members.append(each)
    if found is None:
        step.refuse("it holds no model")
    ensemble = model.ensemble if isinstance(model.ensemble, bool) else True
    fixed = {"estimator": _learner(found, None), "cv": _folds(step), "ensemble": ensemble}
    params = calibrated_params(members, calibrations, len(classes))
    return read_model(step, "calibrated_classifier", params, free=("estimator", "cv", "ensemble"), fixed=fixed)


def _named(
    step: Step, member: ModelReader, *, codes: Sequence[object] | None
) -> tuple[list[Member], list[dict[str, JsonValue]]]:
    """Read the models that have names; a classifier's learn codes of its labels."""
    names = [name for name, each in step.estimator.estimators if not _dropped(each)]
    members, learners = [], []
    for name, estimator in zip(names, step.estimator.estimators_, strict=True):
        found = member(Step(f"{step.name}__{name}", estimator, step.columns))
        members.append(_member(step, found, estimator, _codes(codes)))
        learners.append({"name": name, **_learner(found, codes)})
    return members, learners


def _member(step: Step, found: ReadModel, estimator: object, wanted: Sequence[object] | None) -> Member:
    """Return a model inside of another one. Refuses one that knows other classes."""
    labels = _labels(estimator)
    if labels != (None if wanted is None else list(wanted)):
        step.refuse(f"its model {type(estimator).__name__} has learned other classes than the whole")
    return Member(found.model.node, found.model.params, len(labels or ()))


def _learner(found: ReadModel, classes: Sequence[object] | None) -> dict[str, JsonValue]:
    """Return a model as part of a configuration; what it says of codes is said of these labels."""
    config = cast("dict[str, JsonValue]", dict(found.model.config))
    return {"node": found.model.node, "config": config if classes is None else _of_labels(config, classes)}


def _of_labels(config: Mapping[str, JsonValue], classes: Sequence[object]) -> dict[str, JsonValue]:
    """Return a configuration with labels for codes, where it weighs classes, or one of the models in it does."""
    found: dict[str, JsonValue] = {}
    for name, value in config.items():
        if name == "class_weight" and isinstance(value, dict):
            texts = {str(code): str(label) for code, label in enumerate(classes)}
            found[name] = {texts.get(code, code): weight for code, weight in value.items()}
        elif isinstance(value, dict):
            found[name] = _of_labels(value, classes)
        elif isinstance(value, list):
            found[name] = [_of_labels(each, classes) if isinstance(each, dict) else each for each in value]
        else:
            found[name] = value
    return found


def _width(member: Member, take: Take, features: Sequence[str]) -> int:
    """Return how many columns the answers of a model are, by asking it."""
    row = pl.DataFrame({name: [0.0] for name in features})
    member.takes(features, (take,))
    return int(seen_columns(member, member.answers(row, take), take).shape[1])


def _folds(step: Step) -> object:
    """Return the number of folds: 5 where nothing is said."""
    return 5 if step.estimator.cv is None else step.estimator.cv


def _labels(estimator: object) -> list[object] | None:
    found = getattr(estimator, "classes_", None)
    return None if found is None else cast("list[object]", np.asarray(found).tolist())


def _codes(classes: Sequence[object] | None) -> list[int] | None:
    return None if classes is None else list(range(len(classes)))


def _dropped(estimator: object) -> bool:
    return isinstance(estimator, str) and estimator == "drop"


MemberReader = Callable[..., ReadModel]
MADE_OF_MODELS: dict[str, MemberReader] = {
    "CalibratedClassifierCV": read_calibrated,
    "StackingClassifier": read_stacking,
    "StackingRegressor": read_stacking,
    "VotingClassifier": read_voting,
    "VotingRegressor": read_voting,
}
"""Readers that are given the reader of the models inside."""
