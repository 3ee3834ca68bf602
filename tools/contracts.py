"""Write ``contracts/`` from the code; with ``--check`` only say what is out of date or breaks a promise.

``contracts/schemas`` and ``contracts/asyncapi.json`` are written from ``skyulf_events``; ``contracts/samples`` is made
by hand and only ever added to. A schema that would break readers of the one it replaces is refused in both modes.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from compatibility import breaks
from event_contracts import Document, asyncapi, schemas

ROOT = Path(__file__).resolve().parents[1]
CONTRACTS = ROOT / "contracts"
SAMPLES = CONTRACTS / "samples"


def main(arguments: list[str]) -> int:
    """Write or check; returns the exit status."""
    check = "--check" in arguments
    documents = all_documents()
    problems = [*broken_promises(documents), *changed_samples()]
    if check:
        problems += outdated(documents)
    elif not problems:
        write(documents)
    for problem in problems:
        sys.stderr.write(f"contracts: {problem}\n")
    return 1 if problems else 0


def all_documents() -> dict[str, Document]:
    """All generated documents by file name below ``contracts/``."""
    return {**schemas(), "asyncapi.json": asyncapi(SAMPLES)}


def render(document: Document) -> str:
    """Write a document as text that differs only where it differs in meaning."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write(documents: dict[str, Document]) -> None:
    """Write all documents."""
    for name, document in documents.items():
        path = CONTRACTS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(document))


def outdated(documents: dict[str, Document]) -> Iterator[str]:
    """Name the files that do not say what the code says."""
    for name, document in documents.items():
        path = CONTRACTS / name
        if not path.exists() or path.read_text() != render(document):
            yield f"{name} is out of date: run `make contracts`"


def broken_promises(documents: dict[str, Document]) -> Iterator[str]:
    """Name what readers of the published schemas would trip over."""
    for path in sorted((CONTRACTS / "schemas").glob("*.json")):
        name = f"schemas/{path.name}"
        if name not in documents:
            yield f"{name}: the type is gone, but its readers are not; keep it until the next major release"
            continue
        published = base_version(path) or path.read_text()
        yield from (f"{name}: {reason}" for reason in breaks(json.loads(published), documents[name]))


def changed_samples() -> Iterator[str]:
    """Name the samples that the base has and that were changed or removed since."""
    listing = git("diff", "--name-only", "--diff-filter=MDR", base(), "--", "contracts/samples")
    yield from (f"{name}: a published sample is never changed or removed" for name in (listing or "").splitlines())


def base_version(path: Path) -> str | None:
    """Return a file's text in the base, None where it has none."""
    return git("show", f"{base()}:{path.relative_to(ROOT)}")


def base() -> str:
    """Return the commit that others already read: ``CONTRACTS_BASE``, else the last commit."""
    return os.environ.get("CONTRACTS_BASE", "HEAD")


def git(*arguments: str) -> str | None:
    """Return git's answer, None where it has none (no repository, no such file)."""
    result = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603, S607
    return result.stdout if result.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
