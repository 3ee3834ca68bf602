"""Write ``contracts/`` from the code; with ``--check`` only say what is out of date or breaks a promise.

``schemas/`` and ``asyncapi.json`` are written from ``skyulf_events``, ``openapi.json`` and ``problems.json`` from the
services; ``samples/`` is made by hand and only ever added to. A schema that would break readers of the one it replaces
is refused in both modes. The gateway's package carries copies of what it serves, ``.env.example`` lists all settings.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from api_contracts import openapi, problems
from compatibility import breaks
from event_contracts import asyncapi, schemas
from settings_example import env_example

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "contracts" / "samples"
# What the gateway serves is part of its package, because an installed package has no contracts/ beside it.
PACKAGED = Path("services/gateway/src/skyulf_gateway")
Files = dict[Path, str]


def main(arguments: list[str]) -> int:
    """Write or check; returns the exit status."""
    files = all_files()
    problems_found = [*broken_promises(files), *changed_samples()]
    if "--check" in arguments:
        problems_found += outdated(files)
    elif not problems_found:
        write(files)
    for problem in problems_found:
        sys.stderr.write(f"contracts: {problem}\n")
    return 1 if problems_found else 0


def all_files() -> Files:
    """All generated files by their path below the root."""
    api, codes = render(openapi()), render(problems())
    return {
        **event_files(),
        Path("contracts/openapi.json"): api,
        Path("contracts/problems.json"): codes,
        PACKAGED / "openapi.json": api,
        PACKAGED / "problems.json": codes,
        Path(".env.example"): env_example(),
    }


def event_files() -> Files:
    """The files that are made from the event contracts alone."""
    files = {Path("contracts") / name: render(document) for name, document in schemas().items()}
    return {**files, Path("contracts/asyncapi.json"): render(asyncapi(SAMPLES))}


def render(document: object) -> str:
    """Write a document as text that differs only where it differs in meaning."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write(files: Files) -> None:
    """Write all files."""
    for name, text in files.items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def outdated(files: Files) -> Iterator[str]:
    """Name the files that do not say what the code says."""
    for name, text in files.items():
        path = ROOT / name
        if not path.exists() or path.read_text() != text:
            yield f"{name} is out of date: run `make contracts`"


def broken_promises(files: Files) -> Iterator[str]:
    """Name what readers of the published schemas would trip over."""
    for path in sorted((ROOT / "contracts" / "schemas").glob("*.json")):
        name = path.relative_to(ROOT)
        if name not in files:
            yield f"{name}: the type is gone, but its readers are not; keep it until the next major release"
            continue
        published = git("show", f"{base()}:{name}") or path.read_text()
        yield from (f"{name}: {reason}" for reason in breaks(json.loads(published), json.loads(files[name])))


def changed_samples() -> Iterator[str]:
    """Name the samples that the base has and that were changed or removed since."""
    listing = git("diff", "--name-only", "--diff-filter=MDR", base(), "--", "contracts/samples")
    yield from (f"{name}: a published sample is never changed or removed" for name in (listing or "").splitlines())


def base() -> str:
    """Return the commit that others already read: ``CONTRACTS_BASE``, else the last commit."""
    return os.environ.get("CONTRACTS_BASE", "HEAD")


def git(*arguments: str) -> str | None:
    """Return git's answer, None where it has none (no repository, no such file)."""
    result = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603, S607
    return result.stdout if result.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
