"""`skyulf train`: a file and the name of a column are enough, and no server is asked."""

import math
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, cast

import typer

from skyulf_client.cli.context import AsJson
from skyulf_client.cli.output import err, out, plain, print_json, print_rows, table
from skyulf_client.cli.trial_board import Fields, params_text, shown
from skyulf_client.trainers import train_installed

_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_BOARD = 8
_INTERRUPTED = 130


def train(  # noqa: PLR0913 - an option of the command each
    file: Annotated[Path, typer.Argument(help="CSV, TSV, Parquet, JSON, JSON Lines, Excel or Arrow", metavar="FILE")],
    target: Annotated[str, typer.Option(help="The column to predict")],
    auto: Annotated[
        str | None, typer.Option(help="Search for the best model for so long: 60s, 5m, 1h", metavar="TIME")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="This model or family alone, as linear or random_forest_classifier")
    ] = None,
    test_size: Annotated[float, typer.Option(help="The share of the rows that judges the result")] = 0.2,
    metric: Annotated[str | None, typer.Option(help="What is searched for, as roc_auc, f1 or rmse")] = None,
    report: Annotated[Path | None, typer.Option(help="Write a report: .html, .json or .md")] = None,
    save: Annotated[Path | None, typer.Option(help="Write the model into this new folder")] = None,
    seed: Annotated[
        int, typer.Option(help="The same number draws the same rows and candidates", min=0, max=2**32 - 1)
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Train a model from a file, without a server. Without --auto and --model: a search of 60 seconds.

    Ctrl-C ends a search with the best so far, which is trained, reported and kept as asked for; twice, with nothing.
    """
    if not 0 < test_size < 1:
        raise typer.BadParameter("--test-size is a share between 0 and 1, as 0.2")
    seconds = _seconds(auto) if auto is not None else None if model is not None else 60.0
    wish = {
        "began": time.monotonic(), "file": file, "target": target, "auto": seconds, "model": model,
        "test_size": test_size, "metric": metric, "report": report, "save": save, "seed": seed,
    }  # fmt: skip
    try:
        with shown(searches=seconds is not None) as watch:
            found = train_installed(
                wish, on_trial=watch.on_trial, on_progress=watch.on_progress, should_stop=watch.should_stop
            )
    except KeyboardInterrupt:
        err().print("Stopped; nothing was written.")
        raise typer.Exit(_INTERRUPTED) from None
    if as_json:
        print_json(dict(found))
    else:
        _print_result(found)
    unwritten = cast("list[str]", found.get("unwritten", []))
    for reason in unwritten:
        err().print(f"Error: {plain(reason)}", soft_wrap=True)
    if unwritten:
        raise typer.Exit(1)


def _seconds(text: str) -> float:
    matched = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip().lower())
    if matched is None:
        raise typer.BadParameter(f"--auto is a time, as 60s, 5m or 1h; {text!r} is none")
    seconds = float(matched[1]) * _SECONDS[matched[2]]
    if not math.isfinite(seconds):
        raise typer.BadParameter("--auto is longer than a number can say; 60s is a good beginning")
    if seconds < 1:
        raise typer.BadParameter(f"--auto {text} leaves nothing to try; choose at least 1s, 60s is a good beginning")
    return seconds


def _print_result(found: Fields) -> None:
    entries = cast("list[Fields]", found["leaderboard"])
    if entries:
        rows = [
            [rank, entry["family"], entry["score"], entry["spread"], entry["folds"], entry["rows"],
             round(cast("float", entry["seconds"]), 2), params_text(cast("Fields", entry["params"]))]
            for rank, entry in enumerate(entries[:_BOARD], start=1)
        ]  # fmt: skip
        title = f"The best of {found['candidates']} candidates, by {found['metric']} on folds of the training rows"
        headings = ["Rank", "Model", "Score", "Spread", "Folds", "Rows", "Seconds", "Parameters"]
        board = table(headings, rows, title=title)
        board.columns[1].no_wrap = True
        out().print(board)
    metrics = cast("Mapping[str, Mapping[str, float | None]]", found["metrics"])
    if metrics:
        rows = [[name, each["estimate"], _between(each["low"], each["high"])] for name, each in metrics.items()]
        title = f"{found['model']} on {found['held_out']:,} rows that it has not seen"
        print_rows(["Metric", "Value", "95 of 100 times within"], rows, title=title)
    for note in cast("list[str]", found["notes"]):
        out().print(f"[dim]{plain(note)}[/]", soft_wrap=True)
    for name, label in (("saved", "The model is in"), ("report", "The report is")):
        if found[name] is not None:
            out().print(f"{label} {plain(str(found[name]))}", soft_wrap=True)
    out().print("[bold]Next[/]")
    for hint in cast("list[str]", found["next"]):
        out().print(f"  {plain(hint)}", soft_wrap=True)


def _between(low: float | None, high: float | None) -> str:
    return "too few rows to say" if low is None or high is None else f"{low:.4g} to {high:.4g}"
