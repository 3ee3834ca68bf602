"""From a fitted pipeline to its serving plan."""

from __future__ import annotations

from skyulf_core.fitted import FittedPipeline
from skyulf_core.problems import NotFittedError
from skyulf_core.serving.ops import Op
from skyulf_core.serving.plan import PlanDocument, PlanModel
from skyulf_core.serving.schema import InputColumn


def serving_document(fitted: FittedPipeline) -> PlanDocument:
    """Return the plan as data. Raises NotFittedError for a pipeline without a model: it has nothing to predict."""
    if fitted.model is None or fitted.task is None:
        raise NotFittedError("A pipeline without a model has no serving plan.")
    ops = fitted.plan()
    return PlanDocument(
        task=fitted.task,
        input_schema=[InputColumn(c.name, c.dtype, c.nullable) for c in fitted.input_schema],
        ops=ops,
        classes=fitted.classes,
        target=fitted.target,
        metadata={"model": fitted.model.node, **_where_the_model_begins(fitted, ops)},
        conformal=fitted.conformal,
    )


def _where_the_model_begins(fitted: FittedPipeline, ops: list[Op]) -> dict[str, object]:
    """Return what explanations need where rows follow on each other: they mix features, not rows."""
    steps = fitted.step_ops()
    if not any(op.sequence for op in steps):
        return {}
    return {"features": fitted.plan_features(), "model_ops": len(ops) - len(steps)}


def serving_model(fitted: FittedPipeline) -> PlanModel:
    """Return the model that a server would load."""
    return PlanModel(serving_document(fitted))
