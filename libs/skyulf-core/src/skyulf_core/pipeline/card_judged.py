"""What a report says of held-out rows, as sections of a model card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from pydantic import JsonValue

from skyulf_core.pipeline.card_text import table, text

_SHOWN = 10


def judged_sections(judged: Mapping[str, JsonValue]) -> list[str]:
    """Return the sections that there is something to say in."""
    made = [_metrics(judged), _slices(judged), _fairness(judged), _important(judged), _leaderboard(judged)]
    return [section for section in made if section]


def _items(judged: Mapping[str, JsonValue], name: str) -> list[dict[str, JsonValue]]:
    return cast("list[dict[str, JsonValue]]", judged.get(name) or [])


def _metrics(judged: Mapping[str, JsonValue]) -> str:
    metrics = _items(judged, "metrics")
    if not metrics:
        return "## Metrics\n\nNo rows were held out, so nothing was measured.\n"
    rows = [(each["name"], _figure(each["estimate"]), _range(each["interval"])) for each in metrics]
    judged_on = "out-of-fold" if judged.get("judged_on") == "out of fold" else "held-out"
    return f"## Metrics\n\nOn {judged['rows']} {judged_on} rows:\n\n" + table(
        ("metric", "value", "95 % interval"), rows
    )


def _slices(judged: Mapping[str, JsonValue]) -> str:
    found = _items(judged, "worst_slices")
    if not found:
        return ""
    rows = [
        (
            where_text(each["where"]), each["rows"], each["metric"],
            _figure(cast("dict[str, JsonValue]", each["interval"])["estimate"]), _range(each["interval"]),
            "yes" if each["significant"] else "may be chance",
        )
        for each in found
    ]  # fmt: skip
    head = ("rows where", "rows", "metric", "value", "95 % interval", "worse than all rows")
    return "## Where it is worst\n\n" + table(head, rows)


def _fairness(judged: Mapping[str, JsonValue]) -> str:
    parts = []
    for each in _items(judged, "fairness"):
        gaps = cast("list[dict[str, JsonValue]]", each["gaps"])
        rows = [
            (
                gap["rate"],
                gap["highest"],
                gap["lowest"],
                _figure(_estimate(gap["difference"])),
                _range(gap["difference"]),
            )
            for gap in gaps
        ]
        head = ("rate", "highest", "lowest", "difference", "95 % interval")
        parts.append(f"### By {text(each['column'])}\n\n" + table(head, rows))
    return "## Groups\n\n" + "\n".join(parts) if parts else ""


def _important(judged: Mapping[str, JsonValue]) -> str:
    found = cast("dict[str, JsonValue] | None", judged.get("permutation"))
    if not found:
        return ""
    rows = [
        (each["column"], f"{_figure(each['mean'])} ± {_figure(each['std'])}")
        for each in _items(found, "columns")[:_SHOWN]
    ]
    what = f"How much worse {text(found['metric'])} is where a column is shuffled:"
    return f"## What it goes by\n\n{what}\n\n" + table(("column", "loss"), rows)


def _leaderboard(judged: Mapping[str, JsonValue]) -> str:
    found = cast("dict[str, JsonValue] | None", judged.get("leaderboard"))
    if not found:
        return ""
    rows = [
        (each["trial"], _figure(each["score"]), params_text(each["params"]))
        for each in _items(found, "trials")[:_SHOWN]
    ]
    what = f"The best of {found['tried']} trials, by {text(found['metric'])} on folds of the training rows:"
    return f"## Trials\n\n{what}\n\n" + table(("trial", "score", "parameters"), rows)


def where_text(where: JsonValue) -> str:
    """Return what the rows of a slice have in common."""
    return " and ".join(f"{column} = {segment}" for column, segment in cast("dict[str, str]", where).items())


def params_text(params: JsonValue) -> str:
    """Return parameters as a list of assignments."""
    return ", ".join(_assignments(cast("dict[str, JsonValue]", params)))


def _assignments(params: Mapping[str, JsonValue]) -> Iterable[str]:
    return (f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in params.items())


def _estimate(interval: JsonValue) -> JsonValue:
    return cast("dict[str, JsonValue]", interval)["estimate"]


def _figure(value: JsonValue) -> str:
    return "–" if value is None else f"{cast('float', value):.4g}"


def _range(interval: JsonValue) -> str:
    if interval is None:
        return "–"
    known = cast("dict[str, float]", interval)
    return f"{known['low']:.4g} to {known['high']:.4g}"
