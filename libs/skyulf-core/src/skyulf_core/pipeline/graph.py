"""The graph form of a configuration, brought into order. Branches and merges are refused in this version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.pipeline.layout import Layout, Placed, duplicate_ids, placed_node, top_problems
from skyulf_core.problems import Problem, did_you_mean

_KEYS = ("id", "node", "config", "inputs")


def read_graph(config: Mapping[str, object]) -> Layout:
    """Read `{"nodes": [{"id", "node", "config", "inputs"}]}`; the node without inputs comes first."""
    layout = Layout(problems=top_problems(config))
    raw_nodes = config.get("nodes")
    if not isinstance(raw_nodes, list) or not raw_nodes:
        layout.problems.append(Problem("/nodes", "nodes must be a list with at least one node.", "wrong-type"))
        return layout
    placed: list[Placed] = []
    inputs: dict[str, list[str]] = {}
    for index, raw in enumerate(raw_nodes):
        node = placed_node(raw, f"/nodes/{index}", _KEYS, layout.problems)
        if node is not None:
            placed.append(node)
            inputs.setdefault(node.id, _inputs_of(raw, node, layout.problems))
    layout.problems += duplicate_ids(placed)
    by_id = {node.id: node for node in reversed(placed)}
    layout.problems += _dangling(by_id, inputs)
    ordered = _order(by_id, inputs, layout.problems)
    if ordered and ordered[-1].node in _model_names():
        layout.model = ordered.pop()
    layout.steps = ordered
    return layout


def _model_names() -> set[str]:
    return {name for name in NodeRegistry.names() if NodeRegistry.get(name).is_model}


def _inputs_of(raw: Mapping[str, object], node: Placed, problems: list[Problem]) -> list[str]:
    inputs = raw.get("inputs") or []
    if isinstance(inputs, list) and all(isinstance(item, str) for item in inputs):
        return list(dict.fromkeys(inputs))
    problems.append(Problem(f"{node.pointer}/inputs", "inputs must be a list of ids.", "wrong-type", node=node.id))
    return []


def _dangling(by_id: Mapping[str, Placed], inputs: Mapping[str, list[str]]) -> list[Problem]:
    return [
        Problem(
            f"{by_id[name].pointer}/inputs/{index}",
            f"There is no node with the id {source!r}.",
            "dangling-edge",
            node=name,
            field="inputs",
            suggestion=did_you_mean(source, by_id),
        )
        for name, sources in inputs.items()
        for index, source in enumerate(sources)
        if source not in by_id
    ]


def _order(by_id: Mapping[str, Placed], inputs: Mapping[str, list[str]], problems: list[Problem]) -> list[Placed]:
    """Return the nodes so that each follows its inputs; report cycles, branches, merges and loose parts."""
    waiting = {name: [source for source in sources if source in by_id] for name, sources in inputs.items()}
    problems += _not_linear(by_id, waiting)
    ordered: list[Placed] = []
    done: set[str] = set()
    while ready := [name for name in waiting if name not in done and done.issuperset(waiting[name])]:
        done.update(ready)
        ordered += [by_id[name] for name in ready]
    for name in waiting:
        if name not in done and _reaches(name, name, waiting):
            message = f"{name!r} comes, over its inputs, after itself."
            problems.append(Problem(f"{by_id[name].pointer}/inputs", message, "cycle", node=name, field="inputs"))
    # what hangs behind a cycle is still checked, in the order in which it is written
    return [*ordered, *(by_id[name] for name in waiting if name not in done)]


def _reaches(start: str, goal: str, inputs: Mapping[str, list[str]]) -> bool:
    seen: set[str] = set()
    stack = list(inputs[start])
    while stack:
        name = stack.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            stack += inputs[name]
    return False


def _not_linear(by_id: Mapping[str, Placed], inputs: Mapping[str, list[str]]) -> list[Problem]:
    readers = Counter(source for sources in inputs.values() for source in sources)
    problems = []
    for name, sources in inputs.items():
        pointer = by_id[name].pointer
        if len(sources) > 1:
            message = f"{name!r} merges {len(sources)} inputs; this version runs linear graphs only."
            problems.append(Problem(f"{pointer}/inputs", message, "not-linear", node=name, field="inputs"))
        if readers[name] > 1:
            message = f"{name!r} branches to {readers[name]} nodes; this version runs linear graphs only."
            problems.append(Problem(pointer, message, "not-linear", node=name))
    starts = [name for name, sources in inputs.items() if not sources]
    for name in starts[1:]:
        message = f"{name!r} has no inputs, and neither has {starts[0]!r}; a linear graph has one start."
        problems.append(Problem(f"{by_id[name].pointer}/inputs", message, "not-linear", node=name, field="inputs"))
    return problems
