"""Entries of the catalogue as JSON values, and the search in them."""

from __future__ import annotations

from skyulf_core.catalogue.parameters import parameters_of
from skyulf_core.nodes.registry import NodeInfo, NodeRegistry


def nodes() -> list[dict[str, object]]:
    """Return every node without its JSON Schema, by family and name."""
    return [{k: v for k, v in info.to_dict().items() if k != "json_schema"} for info in NodeRegistry.list()]


def node(name: str) -> dict[str, object]:
    """Return one node with its JSON Schema, its parameters as rows, and the operations that it becomes.

    Raises UnknownNodeError (a LookupError) that names the nearest node.
    """
    # fits a node on the sample: a server that only lists nodes loads nothing of it
    from skyulf_core.catalogue.operations import operations_of

    entry = NodeRegistry.get(name)
    info = entry.info()
    rows = [parameter.to_dict() for parameter in parameters_of(info.json_schema)]
    operations = list(dict.fromkeys(op.op for op in operations_of(entry)))
    return {**info.to_dict(), "parameters": rows, "operations": operations}


def matches(info: NodeInfo, words: str) -> bool:
    """Say whether every word occurs in the name, the family, the summary or the keywords; case does not matter.

    >>> matches(NodeRegistry.get("OneHotEncoder").info(), "dummy encoding")
    True
    """
    text = " ".join((info.name, info.family, info.summary, *info.keywords)).lower()
    return all(word in text for word in words.lower().split())
