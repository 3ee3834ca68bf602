"""The part of a model that makes its scores, where contributions to it can be told exactly."""

from __future__ import annotations

from skyulf_core.fitted import FittedModel
from skyulf_core.nodes.base import ModelApplier
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.problems import NotFittedError
from skyulf_core.serving.explaining.sums import Sum, sum_of
from skyulf_core.serving.ops import Op, PlanError


def model_sum(model: FittedModel) -> Sum | None:
    """Return the sum that a model's answer is made of, and what the model does to features before it."""
    return sum_of(_ops(model))


def _ops(model: FittedModel) -> list[Op]:
    applier = NodeRegistry.get(model.node).applier
    if not isinstance(applier, ModelApplier):
        return []
    classes = range(int(str(model.params["n_classes"]))) if "n_classes" in model.params else None
    try:
        return applier.plan(model.params, features=model.features, classes=classes)
    except (PlanError, NotFittedError):
        return []  # a model without a plan is explained from outside
