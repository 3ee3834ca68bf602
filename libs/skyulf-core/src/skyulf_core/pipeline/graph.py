"""The graph form of a configuration: nodes that name their inputs, and the shape that they make together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.pipeline.layout import Layout, Placed, duplicate_ids, placed_node, top_problems
from skyulf_core.pipeline.shape import shape_problems
from skyulf_core.pipeline.wiring import SOURCE, in_order, readers_of
from skyulf_core.problems import Problem, some_of

_KEYS = ("id", "node", "config", "inputs", "weights")
MOST_INPUTS = 5_000
"""So many inputs all nodes of a graph may have together: ways through it are looked for from every node."""


def read_graph(config: Mapping[str, object]) -> Layout:
    """Read `{"nodes": [{"id", "node", "config", "inputs", "weights"?}], "sources"?}`, and put the nodes in order.

    Without `sources` there is one table of data, which every node reads that has no inputs.
    """
    layout = Layout(problems=top_problems(config))
    layout.sources = _sources(config, layout.problems)
    raw_nodes = config.get("nodes")
    if not isinstance(raw_nodes, list) or not raw_nodes:
        layout.problems.append(Problem("/nodes", "nodes must be a list with at least one node.", "wrong-type"))
        return layout
    count = sum(map(_count, raw_nodes))
    if count > MOST_INPUTS:
        message = f"The nodes have {count:,} inputs; {MOST_INPUTS:,} are the most."
        layout.problems.append(Problem("/nodes", message, "too-many-inputs", field="inputs"))
        return layout
    placed = []
    for index, raw in enumerate(raw_nodes):
        node = placed_node(raw, f"/nodes/{index}", _KEYS, layout.problems)
        if node is not None:
            placed.append(replace(node, inputs=_inputs_of(raw, node, layout)))
    layout.problems += [*duplicate_ids(placed), *_taken_names(layout.sources, placed)]
    by_id = _by_id(placed)
    inputs = {name: node.inputs for name, node in by_id.items()}
    model = _model(by_id, layout.problems)
    copies = by_id.keys() - {node.id for node in placed}
    layout.problems += shape_problems(by_id, layout.sources, model, copies=copies)
    layout.steps = [by_id[name] for name in in_order(inputs) if name != model]
    layout.model = by_id.get(model or "")
    layout.problems += [_no_weights(step) for step in layout.steps if step.weights is not None]
    return layout


def _count(raw: object) -> int:
    """Return how many inputs a node is written with."""
    inputs = raw.get("inputs") if isinstance(raw, Mapping) else None
    return len(inputs) if isinstance(inputs, list) else 0


def _by_id(placed: list[Placed]) -> dict[str, Placed]:
    """Return the nodes by id; one whose id is taken gets another, so that it is checked too."""
    by_id: dict[str, Placed] = {}
    for node in placed:
        name = node.id
        while name in by_id:
            name = f"{name} (again)"
        by_id[name] = replace(node, id=name)
    return by_id


def _no_weights(step: Placed) -> Problem:
    message = f"{step.node} takes no weights; rows are weighed by the model and its metrics alone."
    hint = "Name the column at the model."
    return Problem(f"{step.pointer}/weights", message, "unknown-key", step.id, "weights", hint)


def _sources(config: Mapping[str, object], problems: list[Problem]) -> tuple[str, ...]:
    raw = config.get("sources")
    if raw is None:
        return ()
    if isinstance(raw, list) and raw and all(isinstance(name, str) and name for name in raw):
        names = tuple(dict.fromkeys(raw))
        if len(names) < len(raw):
            problems.append(Problem("/sources", "A source is named twice.", "duplicate-source"))
        return names
    problems.append(Problem("/sources", "sources must be a list of names.", "wrong-type"))
    return ()


def _taken_names(sources: tuple[str, ...], placed: list[Placed]) -> list[Problem]:
    return [
        Problem(
            f"{node.pointer}/id",
            f"The id {node.id!r} is the name of a source.",
            "duplicate-id",
            node=node.node,
            field="id",
        )
        for node in placed
        if node.id in sources
    ]


def _inputs_of(raw: Mapping[str, object], node: Placed, layout: Layout) -> tuple[str, ...]:
    inputs = raw.get("inputs") or []
    pointer = f"{node.pointer}/inputs"
    if not isinstance(inputs, list) or not all(isinstance(item, str) for item in inputs):
        message = "inputs must be a list of ids."
        layout.problems.append(Problem(pointer, message, "wrong-type", node=node.id, field="inputs"))
        return ()
    seen = set[str]()
    for index, item in enumerate(inputs):
        if item in seen:
            message = f"{item!r} is an input already."
            problem = Problem(f"{pointer}/{index}", message, "duplicate-input", node=node.id, field="inputs")
            layout.problems.append(problem)
        seen.add(item)
    if inputs:
        return tuple(inputs)
    if len(layout.sources) < 2:
        return layout.sources or (SOURCE,)
    message = f"{node.id!r} has no inputs, and there are several sources."
    hint = f"Name one of them: {some_of(layout.sources)}."
    problem = Problem(pointer, message, "no-inputs", node=node.id, field="inputs", suggestion=hint)
    layout.problems.append(problem)
    return ()


def _model(by_id: Mapping[str, Placed], problems: list[Problem]) -> str | None:
    """Return the id of the model: one that nothing reads, where there is one. Report the others."""
    known = set(NodeRegistry.names())
    models = [n for n, node in by_id.items() if node.node in known and NodeRegistry.get(node.node).is_model]
    readers = readers_of({name: node.inputs for name, node in by_id.items()})
    models.sort(key=lambda name: name in readers)
    for name in models:
        pointer, title = f"{by_id[name].pointer}/node", by_id[name].node
        if name in readers:
            message = f"{title} is a model, and {readers[name][0]!r} reads it; a model is the end of a graph."
            problems.append(Problem(pointer, message, "model-as-step", node=title, field="node"))
        elif name != models[0]:
            message = f"{models[0]!r} is the model already; a graph trains one."
            problems.append(Problem(pointer, message, "second-model", node=title, field="node"))
    return models[0] if models else None
