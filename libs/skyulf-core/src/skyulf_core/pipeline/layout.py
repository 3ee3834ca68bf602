"""The shape of a configuration: which nodes stand in which order, whichever form it is written in.

List form: `{"steps": [{"node", "config", "id"?}], "model": {"node", "config", "id"?, "weights"?}}`.
Graph form: `{"nodes": [{"id", "node", "config", "inputs": [id, …]}], "sources"?: [name, …]}`; see `pipeline.graph`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from skyulf_core.pipeline.wiring import SOURCE
from skyulf_core.problems import Problem, did_you_mean, pointer_part

_TOP = ("steps", "model", "nodes", "sources", "tuning", "validation", "name", "description")
_STEP = ("node", "config", "id")
_MODEL = (*_STEP, "weights")
_AUTO = "auto"
"""A model that is searched for; `model: auto` is short for one with nothing configured."""


@dataclass(frozen=True)
class Placed:
    """A node as it is written: its id, name, raw configuration and JSON pointer.

    `inputs` are ids of nodes or names of sources, in the order in which they are written, whether they exist or not.
    `weights` is the column of the weights of rows, which only the model has.
    """

    id: str
    node: str
    config: Mapping[str, object]
    pointer: str
    inputs: tuple[str, ...] = (SOURCE,)
    weights: str | None = None


@dataclass
class Layout:
    """The nodes in order, and what is wrong with the shape. `model` is the last one, where there is one.

    `sources` are the names of the tables of data, where they have names.
    """

    steps: list[Placed] = field(default_factory=list)
    model: Placed | None = None
    sources: tuple[str, ...] = ()
    problems: list[Problem] = field(default_factory=list)


def read_list(config: Mapping[str, object]) -> Layout:
    """Read the list form."""
    layout = Layout(problems=top_problems(config))
    steps = config.get("steps", [])
    if not isinstance(steps, list):
        layout.problems.append(Problem("/steps", "steps must be a list.", "wrong-type"))
        steps = []
    for index, raw in enumerate(steps):
        placed = placed_node(raw, f"/steps/{index}", _STEP, layout.problems)
        if placed is not None:
            layout.steps.append(_after(layout.steps, placed))
    if config.get("model") is not None:
        raw = {"node": _AUTO} if config["model"] == _AUTO else config["model"]
        model = placed_node(raw, "/model", _MODEL, layout.problems)
        layout.model = model and _after(layout.steps, model)
    everything = [*layout.steps, *([layout.model] if layout.model else [])]
    layout.problems += duplicate_ids(everything)
    if not everything and not layout.problems:
        layout.problems.append(Problem("", "The pipeline has neither steps nor a model.", "empty-pipeline"))
    return layout


def _after(steps: list[Placed], placed: Placed) -> Placed:
    return replace(placed, inputs=(steps[-1].id if steps else SOURCE,))


def top_problems(config: Mapping[str, object]) -> list[Problem]:
    """Return what is wrong with the keys of the configuration itself."""
    problems = [_unknown_key("", key, _TOP) for key in config if key not in _TOP]
    if "nodes" in config and ("steps" in config or "model" in config):
        message = "A pipeline is written with steps and model, or with nodes, not both."
        problems.append(Problem("/nodes", message, "two-forms"))
    if "sources" in config and "nodes" not in config:
        message = "Only a graph has named sources; steps read one table."
        problems.append(Problem("/sources", message, "not-a-graph", suggestion="Write nodes with inputs."))
    return problems


def placed_node(raw: object, pointer: str, keys: Iterable[str], problems: list[Problem]) -> Placed | None:
    """Return the node that `raw` describes, or None after adding to `problems`."""
    if not isinstance(raw, Mapping):
        problems.append(Problem(pointer, "A node is an object with node and config.", "wrong-type"))
        return None
    problems += [_unknown_key(pointer, key, keys) for key in raw if key not in keys]
    name, config, identity = raw.get("node"), raw.get("config"), raw.get("id")
    if not isinstance(name, str) or not name:
        problems.append(Problem(f"{pointer}/node", "The node's name is missing.", "missing-field", field="node"))
        return None
    if config is not None and not (isinstance(config, Mapping) and all(isinstance(key, str) for key in config)):
        problems.append(Problem(f"{pointer}/config", "config must be an object.", "wrong-type", node=name))
        config = None
    if identity is not None and not (isinstance(identity, str) and identity):
        problems.append(Problem(f"{pointer}/id", "id must be a text.", "wrong-type", node=name, field="id"))
        identity = None
    weights = _weights(raw, pointer, name, problems) if "weights" in keys else None
    return Placed(identity or pointer.strip("/").replace("/", "-"), name, config or {}, pointer, weights=weights)


def _weights(raw: Mapping[str, object], pointer: str, node: str, problems: list[Problem]) -> str | None:
    name = raw.get("weights")
    if name is None or (isinstance(name, str) and name):
        return name
    message = "weights is the name of a column."
    problems.append(Problem(f"{pointer}/weights", message, "wrong-type", node=node, field="weights"))
    return None


def duplicate_ids(nodes: Iterable[Placed]) -> list[Problem]:
    """Return a problem for every node whose id another one had before."""
    first: dict[str, str] = {}
    problems = []
    for placed in nodes:
        if placed.id in first:
            message = f"The id {placed.id!r} is taken by {first[placed.id]}."
            problems.append(Problem(f"{placed.pointer}/id", message, "duplicate-id", node=placed.node, field="id"))
        else:
            first[placed.id] = placed.pointer
    return problems


def _unknown_key(pointer: str, key: object, known: Iterable[str]) -> Problem:
    hint = did_you_mean(str(key), known) or f"Known keys: {', '.join(known)}."
    return Problem(f"{pointer}/{pointer_part(str(key))}", f"Unknown key {key!r}.", "unknown-key", suggestion=hint)
