"""A pipeline in words and numbers, for people and programs."""

from __future__ import annotations

from typing import cast

from pydantic import JsonValue

from skyulf_core.fitted import FittedPipeline
from skyulf_core.pipeline.resolved import Resolved, ResolvedNode


def describe(resolved: Resolved, fitted: FittedPipeline | None) -> dict[str, JsonValue]:
    """Return the nodes with kind and summary (in a graph also their inputs), and what is known after training."""
    columns = {step.id: step.columns for step in fitted.steps} if fitted else {}
    steps: JsonValue = [_node(step, resolved, columns.get(step.id)) for step in resolved.known_steps]
    found: dict[str, JsonValue] = {
        "target": resolved.target,
        "weights": resolved.weights,
        "steps": steps,
        "model": _node(resolved.model, resolved, None) if resolved.model else None,
        "fitted": fitted is not None,
    }
    if resolved.sources:
        found["sources"], found["main_source"] = list(resolved.sources), resolved.main_source
    if fitted is not None:
        optional = fitted.optional_columns()
        found["input_schema"] = [
            {**column.to_dict(), "optional": column.name in optional} for column in fitted.input_schema
        ]
        found["features"] = list(fitted.model.features) if fitted.model else None
        found["task"] = fitted.task
        found["classes"] = None if fitted.classes is None else list(fitted.classes)
        found["decisions"] = cast("JsonValue", fitted.decisions())
        found["metrics"] = cast("JsonValue", dict(fitted.evaluation.metrics)) if fitted.evaluation else None
    return found


def _node(node: ResolvedNode, resolved: Resolved, columns: tuple[str, ...] | None) -> dict[str, JsonValue]:
    info = node.entry.info()
    written = node.to_dict() if resolved.linear else node.to_graph_dict()
    after: dict[str, JsonValue] = {} if columns is None else {"columns": list(columns)}
    return {**written, "family": info.family, "kind": info.kind.value, "summary": info.summary, **after}


def settings_of(node: ResolvedNode) -> str:
    """Return the settings of a node that differ from its defaults, as a call shows them.

    >>> from skyulf_core.pipeline.resolve import resolve
    >>> settings_of(resolve({"steps": [{"node": "SimpleImputer", "config": {"strategy": "median"}}]}).nodes[0])
    "strategy='median'"
    """
    settings = node.parsed.model_dump(mode="json", exclude_defaults=True)
    return ", ".join(f"{name}={_short(repr(value))}" for name, value in settings.items())


def _short(text: str, length: int = 60) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def summary(resolved: Resolved, fitted: FittedPipeline | None) -> str:
    """Return one line: what the pipeline is."""
    steps = len(resolved.known_steps)
    parts = [f"{steps} step{'' if steps == 1 else 's'}"]
    if resolved.model is not None:
        parts.append(f"model={resolved.model.entry.name}")
    if resolved.target is not None:
        parts.append(f"target={resolved.target!r}")
    if resolved.weights is not None:
        parts.append(f"weights={resolved.weights!r}")
    if resolved.sources:
        parts.append(f"sources={list(resolved.sources)}")
    return f"Pipeline({', '.join(parts)}, {'fitted' if fitted else 'not fitted'})"


def to_text(resolved: Resolved, fitted: FittedPipeline | None) -> str:
    """Return the summary and one line per node; in a graph with what each node reads."""
    nodes = resolved.nodes
    width = max((len(node.id) for node in nodes), default=0)
    lines = [summary(resolved, fitted)]
    for number, node in enumerate(nodes, start=1):
        place = f"{number:>3}" if resolved.linear else f"{number:>3} {node.id:<{width}}"
        line = f"{place}  {node.entry.name}({settings_of(node)})"
        lines.append(line if resolved.linear else f"{line} ← {', '.join(name or 'data' for name in node.inputs)}")
    return "\n".join(" ".join(line.splitlines()) for line in lines)
