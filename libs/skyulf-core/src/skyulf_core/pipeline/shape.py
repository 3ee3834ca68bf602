"""What is wrong with the shape of a graph, whatever its nodes do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import chain

from skyulf_core.pipeline.layout import Placed
from skyulf_core.pipeline.wiring import SOURCE, Wiring, downstream, readers_of, upstream
from skyulf_core.problems import Problem, did_you_mean


def shape_problems(
    by_id: Mapping[str, Placed], sources: tuple[str, ...], model: str | None, *, copies: Collection[str] = ()
) -> list[Problem]:
    """Return edges from nowhere, cycles, what no data reaches, and what leads to nothing, all at once.

    `copies` are nodes whose id another one has; nothing can read those, and that is no fault of its own.
    """
    inputs = {name: node.inputs for name, node in by_id.items()}
    cycles = {name for name in inputs if name in upstream([name], inputs)}
    return [
        *_dangling(by_id, sources),
        *(_cycle(by_id[name]) for name in inputs if name in cycles),
        *_unreachable(by_id, inputs, sources, cycles),
        *_unused_sources(inputs, sources),
        *(problem for problem in _ends(by_id, inputs, model) if problem.node not in copies),
    ]


def _on_inputs(node: Placed, message: str, code: str, suggestion: str | None = None) -> Problem:
    return Problem(f"{node.pointer}/inputs", message, code, node=node.id, field="inputs", suggestion=suggestion)


def _on_node(node: Placed, message: str, code: str, suggestion: str) -> Problem:
    return Problem(node.pointer, message, code, node=node.id, suggestion=suggestion)


def _dangling(by_id: Mapping[str, Placed], sources: tuple[str, ...]) -> list[Problem]:
    return [
        Problem(
            f"{node.pointer}/inputs/{index}",
            f"There is no node with the id {source!r}." if not sources else f"No node or source is named {source!r}.",
            "dangling-edge",
            node=name,
            field="inputs",
            suggestion=did_you_mean(source, [*by_id, *sources]),
        )
        for name, node in by_id.items()
        for index, source in enumerate(node.inputs)
        if source not in by_id and source not in sources and source != SOURCE
    ]


def _cycle(node: Placed) -> Problem:
    return _on_inputs(node, f"{node.id!r} comes, over its inputs, after itself.", "cycle")


def _unreachable(
    by_id: Mapping[str, Placed], inputs: Wiring, sources: tuple[str, ...], cycles: set[str]
) -> list[Problem]:
    """Report nodes without data because of what stands before them; a fault of their own is reported elsewhere."""
    reached = downstream([*sources, SOURCE], inputs)
    return [
        _on_inputs(node, f"No data reaches {name!r}.", "unreachable", "Mend the inputs of the nodes before it.")
        for name, node in by_id.items()
        if name not in reached and name not in cycles and any(source in by_id for source in node.inputs)
    ]


def _unused_sources(inputs: Wiring, sources: tuple[str, ...]) -> list[Problem]:
    read = set(chain.from_iterable(inputs.values()))
    return [
        Problem(f"/sources/{index}", f"Nothing reads the source {name!r}.", "unused-source", field="sources")
        for index, name in enumerate(sources)
        if name not in read
    ]


def _ends(by_id: Mapping[str, Placed], inputs: Wiring, model: str | None) -> list[Problem]:
    """Report what leads nowhere: with a model everything that it does not depend on, else all ends but one."""
    if model is not None:
        used = {model, *upstream([model], inputs)}
        hint = "Remove it, or lead it to the model over a Merge."
        return [
            _on_node(node, f"The model {model!r} depends on nothing that {name!r} makes.", "unused-node", hint)
            for name, node in by_id.items()
            if name not in used
        ]
    readers = readers_of(inputs)
    ends = [name for name in by_id if name not in readers]
    return [
        _on_node(
            by_id[name],
            f"The graph ends in {name!r} and in {ends[0]!r}; without a model it needs one end.",
            "several-ends",
            "Merge them, or add a model.",
        )
        for name in ends[1:]
    ]
