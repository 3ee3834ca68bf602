"""`skyulf doctor`."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer

from skyulf_standalone.doctor.finding import Finding

MARKS = {"ok": "ok  ", "fail": "FAIL", "skipped": "skip"}


def doctor(
    url: Annotated[str | None, typer.Option(help="Where the gateway is; default: as for other commands")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
) -> None:
    """Look at settings, disk, keys, databases, objects, Kafka and the running system; say what is wrong.

    What it writes to try things it removes again; two events stay. Ends with 1 where something failed.
    """
    findings = asyncio.run(_all(url, shown=not as_json))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    raise typer.Exit(1 if any(finding.state == "fail" for finding in findings) else 0)


async def _all(url: str | None, *, shown: bool) -> list[Finding]:
    from skyulf_standalone.doctor.examining import examine

    findings = []
    async for finding in examine(url=url):
        findings.append(finding)
        if shown:
            typer.echo(f"{MARKS[finding.state]}  {finding.subject}: {finding.text}")
            if finding.state == "fail" and finding.advice:
                typer.echo(f"      → {finding.advice}")
    return findings
