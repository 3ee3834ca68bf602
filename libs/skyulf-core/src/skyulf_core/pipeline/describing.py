"""A pipeline in words and numbers, for people and programs."""

from __future__ import annotations

from typing import cast

from pydantic import JsonValue

from skyulf_core.fitted import FittedPipeline
from skyulf_core.pipeline.resolve import Resolved, ResolvedNode


def describe(resolved: Resolved, fitted: FittedPipeline | None) -> dict[str, JsonValue]:
    """Return the nodes with kind and summary, and what is known after training."""
    steps: JsonValue = [_node(step) for step in resolved.known_steps]
    found: dict[str, JsonValue] = {
        "target": resolved.target,
        "steps": steps,
        "model": _node(resolved.model) if resolved.model else None,
        "fitted": fitted is not None,
    }
    if fitted is not None:
        optional = fitted.optional_columns()
        found["input_schema"] = [
            {**column.to_dict(), "optional": column.name in optional} for column in fitted.input_schema
        ]
        found["features"] = list(fitted.model.features) if fitted.model else None
        found["task"] = fitted.task
        found["classes"] = None if fitted.classes is None else list(fitted.classes)
        found["metrics"] = cast("JsonValue", dict(fitted.evaluation.metrics)) if fitted.evaluation else None
    return found


def _node(node: ResolvedNode) -> dict[str, JsonValue]:
    info = node.entry.info()
    return {**node.to_dict(), "family": info.family, "kind": info.kind.value, "summary": info.summary}
