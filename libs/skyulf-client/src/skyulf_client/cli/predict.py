"""`skyulf predict`."""

import csv
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from skyulf_client.answers import Prediction
from skyulf_client.cli.context import AsJson, client
from skyulf_client.cli.output import out, print_json, print_rows
from skyulf_client.errors import SkyulfClientError

Rows = list[dict[str, object]]
FileOption = Annotated[Path | None, typer.Option(help="JSON, JSON Lines or CSV; - for JSON on standard input")]


def predict(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The deployment's name", metavar="NAME")],
    row: Annotated[list[str] | None, typer.Option("--row", help="A row as a JSON object; may be repeated")] = None,
    file: FileOption = None,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Say between which numbers, or among which labels, the truth is")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Predict rows with a deployment."""
    rows = given_rows(row, "--row", file)
    with client(context) as skyulf:
        found = skyulf.predict(name, rows, intervals=intervals)
    if as_json:
        print_json(found)
        return
    print_predictions(found)


def print_predictions(found: Prediction) -> None:
    """Print predictions, one per line, with the probability of each."""
    chances, sure = found.probabilities, found.intervals or found.sets
    table = []
    for index, value in enumerate(found.predictions):
        line: list[object] = [index + 1, str(value)]
        if chances is not None:
            line.append(", ".join(f"{label} {share:.3f}" for label, share in chances[index].items()))
        if found.intervals is not None:
            line.append("{:.6g} to {:.6g}".format(*found.intervals[index]))
        elif found.sets is not None:
            line.append(", ".join(map(str, found.sets[index])) or "none of them")
        table.append(line)
    share = "" if found.coverage is None else f"{found.coverage:.0%} of the time"
    print_rows(
        [
            "Row",
            "Prediction",
            *(["Probabilities"] if chances is not None else []),
            *([f"Truth, {share}"] if sure is not None else []),
        ],
        table,
    )
    out().print(f"[dim]{found.model} version {found.model_version}, request {found.request_id}[/]")


def given_rows(texts: list[str] | None, where: str, file: Path | None) -> Rows:
    """The rows of a command line, in the order of its arguments, and those of its file."""
    if not texts and file is None:
        raise typer.BadParameter(f"name rows with {where} or --file")
    return [*(found for text in texts or () for found in parse_rows(text, where)), *(read_rows(file) if file else ())]


def read_rows(file: Path) -> Rows:
    """Read rows from a file; the values of a CSV that are JSON (numbers, true, null) become what they say."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
    except OSError as error:
        raise SkyulfClientError(f"{file} cannot be read: {error.strerror}.") from error
    if file.suffix.lower() == ".csv":
        return [{key: _value(value) for key, value in line.items()} for line in csv.DictReader(text.splitlines())]
    return parse_rows(text, str(file))


def parse_rows(text: str, where: str) -> Rows:
    """Rows of JSON: an object, a list of objects, or one object per line."""
    try:
        found = json.loads(text)
    except ValueError:
        try:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError as error:
            raise SkyulfClientError(f"{where} holds no JSON: {error}.") from error
    rows = found if isinstance(found, list) else [found]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise SkyulfClientError(f"{where} must hold rows: objects with a value for each column.")
    return rows


def _value(text: str | None) -> object:
    if text is None or text == "":
        return None
    try:
        found: object = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(found, dict | list) else found
