"""Write ``docs/nodes/`` from the registry; with ``--check`` only say which pages are out of date.

Every page shows an example that ran while it was written. Numbers that differ by rounding alone are the same page.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from node_examples import example_of, operation_names, quiet
from node_pages import NOTE, markdown_table, page, tolerance
from skyulf_core.nodes.registry import NodeEntry, NodeRegistry
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path("docs/nodes")
NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?|-?\d+e[+-]?\d+")
INTRODUCTION = """\
What pipelines can be made of: {count} nodes in {families} families. `python -m skyulf_core nodes list`, `… search` and
`… show` say the same on a terminal, `skyulf nodes list` where the platform is installed, `GET /api/v1/nodes` to
programs.

**Kind** says where a node may stand and what it may learn from, **streams** that it learns from rows that memory does
not hold, **becomes** which operations of the [serving plan](../architecture/serving-plan.md) it is at predict. Every
node passes `check_node`, and is compared with its **reference** in the tests, within the **tolerance**.
A node of your own: [how to write one](../guides/writing-a-node.md)."""


def main(arguments: list[str]) -> int:
    """Write or check; returns the exit status."""
    files = all_pages()
    if "--check" in arguments:
        problems = list(outdated(files))
        for problem in problems:
            sys.stderr.write(f"node_docs: {problem}\n")
        return 1 if problems else 0
    write(files)
    return 0


def all_pages() -> dict[Path, str]:
    """All pages by their path below the root."""
    entries = [NodeRegistry.get(info.name) for info in NodeRegistry.list()]
    own = [entry for entry in entries if type(entry.calculator).__module__.startswith("skyulf_core.")]
    files: dict[Path, str] = {}
    operations: dict[str, list[str]] = {}
    with quiet(), threadpool_limits(1):  # sums of several threads come in any order, and threads wait for cores
        for entry in own:
            example = example_of(entry)
            operations[entry.name] = operation_names(entry, example)
            files[FOLDER / path_of(entry)] = page(entry, example, operations[entry.name])
    return {FOLDER / "README.md": overview(own, operations), **files}


def path_of(entry: NodeEntry) -> Path:
    """Return where a node's page lies below the folder."""
    return Path(entry.family.replace(" ", "-")) / f"{entry.name}.md"


def overview(entries: list[NodeEntry], operations: dict[str, list[str]]) -> str:
    """Return the page that lists all nodes by family."""
    families = [(name, list(group)) for name, group in groupby(entries, key=lambda entry: entry.family)]
    blocks = ["# Nodes", NOTE, INTRODUCTION.format(count=len(entries), families=len(families))]
    for family, members in families:
        blocks += [f"## {family.capitalize()}", family_table(members, operations)]
    return "\n\n".join(blocks) + "\n"


def family_table(members: list[NodeEntry], operations: dict[str, list[str]]) -> str:
    """Return one family's nodes as a table of the same columns in every family."""
    rows = []
    for entry in members:
        info = entry.info()
        becomes = ", ".join(f"`{name}`" for name in operations[entry.name]) or "–"
        streams, extra = "yes" if info.streaming else "no", info.extra or "–"
        link = f"[{entry.name}]({path_of(entry).as_posix()})"
        within = tolerance(info) if info.reference else "–"
        portable = "yes" if info.portable else "no"
        rows.append(
            [link, info.summary, info.kind.value, streams, becomes, info.reference or "–", within, extra, portable]
        )
    headings = ["Node", "What it does", "Kind", "Streams", "Becomes", "Reference", "Tolerance", "Extra", "Portable"]
    return markdown_table(headings, rows)


def write(files: dict[Path, str]) -> None:
    """Write the pages that say something else, and remove those of nodes that are gone."""
    for name, text in files.items():
        path = ROOT / name
        if not path.exists() or not same(path.read_text(), text):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    for path in strangers(files):
        path.unlink()


def outdated(files: dict[Path, str]) -> Iterator[str]:
    """Name the pages that do not say what the code says."""
    for name, text in files.items():
        path = ROOT / name
        if not path.exists() or not same(path.read_text(), text):
            yield f"{name} is out of date: run `make docs`"
    yield from (f"{path.relative_to(ROOT)} is about no node: run `make docs`" for path in strangers(files))


def strangers(files: dict[Path, str]) -> list[Path]:
    """Return the pages that no node has."""
    return [path for path in sorted((ROOT / FOLDER).rglob("*.md")) if path.relative_to(ROOT) not in files]


def same(one: str, other: str) -> bool:
    """Say whether two pages differ by nothing but the rounding of numbers."""
    if NUMBER.sub("#", one) != NUMBER.sub("#", other):
        return False
    pairs = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    return all(math.isclose(float(a), float(b), rel_tol=2e-3, abs_tol=1e-9) for a, b in pairs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
