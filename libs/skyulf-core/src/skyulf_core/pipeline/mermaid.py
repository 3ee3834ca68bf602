"""A pipeline as a Mermaid flowchart."""

from __future__ import annotations

from skyulf_core.nodes.base import Splitter
from skyulf_core.nodes.combiner import Combiner
from skyulf_core.pipeline.resolved import Resolved, ResolvedNode
from skyulf_core.pipeline.wiring import SOURCE

_ESCAPES = {ord(char): f"#{ord(char)};" for char in "#\"'<>&`|[]{}()\\;"}


def to_mermaid(resolved: Resolved) -> str:
    """Return a flowchart, from the data down to the model; reference data of a join comes on a dotted line.

    Texts are escaped: an id cannot end its box.
    """
    sources = resolved.sources or (SOURCE,)
    names = {name: f"source{i}" for i, name in enumerate(sources)}
    names |= {node.id: f"node{i}" for i, node in enumerate(resolved.nodes)}
    lines = ["flowchart TD"]
    lines += [f'    {names[name]}[("{escaped(name or "data")}")]' for name in sources]
    lines += [f"    {names[node.id]}{_box(node)}" for node in resolved.nodes]
    for node in resolved.nodes:
        live = node.live_inputs()
        for name in node.inputs:
            arrow = "-->" if name in live else "-. reference .->"
            lines.append(f"    {names[name]} {arrow} {names[node.id]}")
    return "\n".join(lines) + "\n"


def _box(node: ResolvedNode) -> str:
    title = escaped(node.entry.name)
    label = f'"{title}"' if node.id.startswith("steps-") or node.id == "model" else f'"{escaped(node.id)}<br/>{title}"'
    if node.entry.is_model:
        return f"([{label}])"
    if isinstance(node.entry.calculator, Splitter):
        return "{{" + label + "}}"
    return f"[/{label}\\]" if isinstance(node.entry.calculator, Combiner) else f"[{label}]"


def escaped(text: str) -> str:
    """Return a text as a label may hold it."""
    return " ".join(text.split()).translate(_ESCAPES)
