"""Stacking: a last model that learns from what others say of rows that they did not see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.model_selection import KFold, StratifiedKFold

from skyulf_core.models._base import PlanApplier, fitting
from skyulf_core.models._ensembles import EnsembleConfig, train_all
from skyulf_core.models._learners import Learner
from skyulf_core.models._members import Member, Take, Target, Weights, packed, refuse_weights, train, unpacked
from skyulf_core.nodes.base import Label
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import Ensemble, Op

_WANTED: dict[str, list[Take]] = {
    "auto": ["probabilities", "scores", "prediction"],
    "predict_proba": ["probabilities"],
    "decision_function": ["scores"],
    "predict": ["prediction"],
}


class StackingConfig(EnsembleConfig):
    """Configuration of a stack."""

    cv: int = Field(
        5, ge=2, le=100, title="Folds", description="The last model learns from answers for rows of other folds."
    )
    passthrough: bool = Field(
        False, title="Pass through", description="Whether the last model also sees the features themselves."
    )
    final_estimator: Learner

    @property
    def last_learners(self) -> list[Learner]:
        """The one that learns from the others."""
        return [self.final_estimator]

    @property
    def method(self) -> str:
        """What is asked of the models."""
        return str(getattr(self, "stack_method", "predict"))

    def takes_missing(self) -> bool:
        """Say whether all models take nulls that reach them."""
        return super().takes_missing() and (not self.passthrough or self.final_estimator.takes_missing)

    def takes_weights(self) -> bool:
        """Say whether all models take weights of rows."""
        return super().takes_weights() and self.final_estimator.takes_weights


class StackingApplier(PlanApplier):
    """Predicts with a model that reads the answers of others."""

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the models side by side, their answers as columns, and the last model."""
        *members, final = unpacked(params)
        takes = cast("list[Take]", params.strings("takes"))
        outputs = answer_names(sum(map(int, params.numbers("widths"))), features)
        ensemble = Ensemble(
            tuple(tuple(member.ops(features)) for member in members), tuple(takes), "columns", outputs=tuple(outputs)
        )
        seen = [*outputs, *(features if params.flag("passthrough") else ())]
        return [ensemble, *final.ops(seen, labels=classes)]


def stacked(
    features: pl.DataFrame, target: Target, config: StackingConfig, weights: Weights, *, node: str, classes: int = 0
) -> Params:
    """Train the models on all rows, and the last one on their answers for rows of other folds. Raises DataError."""
    refuse_weights([*config.learners, config.final_estimator], weights, node)
    folds = _folds(target, config.cv, classes, node)
    members = train_all(config.learners, features, target, weights, node=node, classes=classes)
    takes = [member.takes(features.columns, _WANTED[config.method]) for member in members]
    parts = [
        _out_of_fold(learner, take, features, target, weights, folds, node=node, classes=classes)
        for learner, take in zip(config.learners, takes, strict=True)
    ]
    names = answer_names(sum(part.shape[1] for part in parts), features.columns)
    seen = pl.DataFrame(np.concatenate(parts, axis=1), schema=names, orient="row")
    if config.passthrough:
        seen = pl.concat([seen, features], how="horizontal")
    final = train(config.final_estimator, seen, target, weights, node=node, classes=classes)
    widths = [part.shape[1] for part in parts]
    return stack_params([*members, final], takes, widths, passthrough=config.passthrough, classes=classes)


def stack_params(
    members: Sequence[Member], takes: Sequence[Take], widths: Sequence[int], *, passthrough: bool, classes: int
) -> Params:
    """Return the models and the last one, what is asked of each, and how many columns that makes."""
    more = {"n_classes": classes} if classes else {}
    return Params({**packed(members), **more}, takes=list(takes), widths=list(widths), passthrough=passthrough)


def _out_of_fold(
    learner: Learner,
    take: Take,
    features: pl.DataFrame,
    target: Target,
    weights: Weights,
    folds: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    *,
    node: str,
    classes: int,
) -> NDArray[np.float64]:
    """Return what models say of the rows that they have not learned from: one row each."""
    found: NDArray[np.float64] | None = None
    for learned, others in folds:
        given = None if weights is None else weights[learned]
        member = train(learner, features[learned], target[learned], given, node=node, classes=classes)
        answers = seen_columns(member, member.answers(features[others], take), take)
        if found is None:
            found = np.zeros((features.height, answers.shape[1]))
        found[others] = answers
    return np.zeros((features.height, 0)) if found is None else found


def seen_columns(member: Member, answers: NDArray[np.float64], take: Take) -> NDArray[np.float64]:
    """Return the columns of a model's answers that the last model sees: of two probabilities the second."""
    return answers[:, 1:] if take == "probabilities" and member.classes == 2 else answers


def _folds(target: Target, folds: int, classes: int, node: str) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    if classes and int(np.bincount(target.astype(np.int64)).min()) < 2:
        raise DataError(
            "a class has one training row, and models must learn it without that row: leave it out, or join it with "
            "another",
            reason="rare-class",
            node=node,
        )
    splitter = StratifiedKFold(folds) if classes else KFold(folds)
    with fitting(node):
        return list(splitter.split(np.zeros(len(target)), target if classes else None))


def answer_names(count: int, features: Sequence[str]) -> list[str]:
    """Return names of columns that no feature has: a stack inside of a stack has its own."""
    prefix = "@stack/"
    while any(name.startswith(prefix) for name in features):
        prefix = f"@{prefix}"
    return [f"{prefix}{i}" for i in range(count)]
