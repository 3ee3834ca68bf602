"""`python -m skyulf_core nodes list|show|search`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import cast

from skyulf_core.catalogue.entries import matches, node
from skyulf_core.catalogue.tables import table, width_of_output
from skyulf_core.nodes.registry import NodeInfo, NodeRegistry
from skyulf_core.problems import UnknownNodeError

_FACTS = ("family", "kind", "task", "streams", "plan", "reference", "tolerance", "extra", "portable", "keywords")
_PLAIN = str.maketrans({"─": "-", "…": "...", "–": "-", "×": "x", "≤": "<=", "≥": ">=", "→": "->"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, or 1 where there is no such node. Wrong calls end the process with 2."""
    options = _parser().parse_args(arguments)
    try:
        lines = list(_answer(options))
    except UnknownNodeError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    sys.stdout.write(_encodable("".join(f"{line}\n" for line in lines)))
    return 0


def _encodable(text: str) -> str:
    """Return the text as the output's encoding can hold it: rules are drawn with hyphens where it has no lines."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m skyulf_core", description="The machine-learning library of Skyulf")
    rooms = parser.add_subparsers(required=True, metavar="nodes").add_parser("nodes", help="what pipelines are made of")
    verbs = rooms.add_subparsers(required=True, dest="verb", metavar="list|show|search")
    listing = verbs.add_parser("list", help="list all nodes")
    listing.add_argument("--family", help="only those of a family")
    listing.add_argument("--kind", help="only those of a kind")
    showing = verbs.add_parser("show", help="show a node and its parameters")
    showing.add_argument("name", metavar="NAME")
    searching = verbs.add_parser("search", help="list the nodes with these words in name, summary or keywords")
    searching.add_argument("words", nargs="+", metavar="WORDS")
    for each in (listing, showing, searching):
        each.add_argument("--json", action="store_true", help="print JSON for programs")
    return parser


def _answer(options: argparse.Namespace) -> Iterator[str]:
    if options.verb == "show":
        found = node(options.name)
        return iter([_json(found)]) if options.json else _shown(found)
    infos = [info for info in NodeRegistry.list() if _wanted(info, options)]
    if options.json:
        return iter([_json([{k: v for k, v in info.to_dict().items() if k != "json_schema"} for info in infos])])
    return _listed(infos)


def _wanted(info: NodeInfo, options: argparse.Namespace) -> bool:
    if options.verb == "search":
        return matches(info, " ".join(options.words))
    return options.family in (None, info.family) and options.kind in (None, info.kind.value)


def _listed(infos: Sequence[NodeInfo]) -> Iterator[str]:
    if not infos:
        yield "No node is like that."
        return
    rows = [
        [info.name, info.family, info.kind.value, "yes" if info.streaming else "", info.extra or "", info.summary]
        for info in infos
    ]
    yield from table(["Name", "Family", "Kind", "Streams", "Extra", "What it does"], rows, width=width_of_output())
    opaque = [info.name for info in infos if not info.portable]
    if opaque:
        yield f"\nStored in a library's own format (portable: no): {', '.join(opaque)}"


def _shown(found: dict[str, object]) -> Iterator[str]:
    yield f"{found['name']}: {found['summary']}\n"
    facts = {**found, "streams": found["streaming"], "plan": found["operations"]}
    for fact in _FACTS:
        text = _text(facts[fact])
        if text:
            yield f"{fact:<10} {text}"
    rows = cast("list[dict[str, str]]", found["parameters"])
    yield ""
    if not rows:
        yield "It has no parameters."
        return
    headings = ["Parameter", "Type", "Default", "Allowed", "Only when", "What it is"]
    cells = [[row[key] for key in ("name", "type", "default", "allowed", "only_when", "help")] for row in rows]
    yield from table(headings, cells, width=width_of_output())


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _json(value: object) -> str:
    unicode = (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    return json.dumps(value, indent=2, ensure_ascii=not unicode)
