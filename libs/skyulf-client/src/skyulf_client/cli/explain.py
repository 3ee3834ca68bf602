"""`skyulf explain`."""

from typing import Annotated

import typer
from rich.markup import escape

from skyulf_client.answers import Explanations
from skyulf_client.cli.context import AsJson, client
from skyulf_client.cli.output import out, print_json, print_rows
from skyulf_client.cli.predict import FileOption, given_rows

_SHOWN = 10


def explain(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The deployment's name", metavar="NAME")],
    row: Annotated[list[str] | None, typer.Argument(help="Rows as JSON objects", metavar="[ROW]...")] = None,
    file: FileOption = None,
    as_json: AsJson = False,
) -> None:
    """Say why a deployment answers rows as it does."""
    rows = given_rows(row, "ROW", file)
    with client(context) as skyulf:
        found = skyulf.explain(name, rows)
    if as_json:
        print_json(found)
        return
    print_explanations(found)


def print_explanations(found: Explanations) -> None:
    """Print a sentence per row; of one row also what each column added."""
    for each in found.explanations:
        out().print(escape(each.sentence), soft_wrap=True)
    if len(found.explanations) == 1:
        only = found.explanations[0]
        sampled = found.method == "sampled"
        table: list[list[object]] = []
        for part in only.contributions[:_SHOWN]:
            value = "" if part.value is None else str(part.value)
            table.append([part.name, value, f"{part.amount:+.4g}", *([f"± {part.error:.2g}"] if sampled else [])])
        print_rows([found.per.capitalize(), "Value", f"Added ({found.unit})", *(["Error"] if sampled else [])], table)
    out().print(
        f"[dim]{found.model} version {found.model_version}, compared with {found.background} rows, "
        f"request {found.request_id}[/]"
    )
