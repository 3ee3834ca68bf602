"""What stands in the sections of a report page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

from pydantic import JsonValue

from skyulf_core.pipeline.card_judged import params_text, where_text
from skyulf_core.report.markup import Markup, items, note, number, table, text

Content: TypeAlias = Mapping[str, JsonValue]

_HEADLINES = {
    "classification": ("roc_auc", "accuracy", "f1_macro", "log_loss"),
    "regression": ("r2", "mae", "rmse", "mape"),
}
_UNITS = {
    "probability": "in probabilities", "log-odds": "in log-odds", "score": "in the model's score",
    "value": "in the target's unit", "logarithm": "in logarithms of the target", "share": "in shares of the answers",
}  # fmt: skip
_SHOWN = 60
_CLASSES = 30


def _part(content: Content, name: str) -> Content:
    return cast("Content", content.get(name) or {})


def _list(content: Content, name: str) -> Sequence[Content]:
    return cast("Sequence[Content]", content.get(name) or [])


def title(content: Content) -> str:
    """Return what the report is about."""
    if content.get("task") in ("classification", "regression"):
        return f"Predicting {content['target']}"
    return "Clusters" if content.get("task") == "clustering" else "Anomalies"


def lead(content: Content) -> str:
    """Return which model it is, and what it was judged on."""
    model, rows = _part(content, "model"), content.get("rows")
    on = {"out of fold": "out-of-fold answers to the training rows"}.get(str(content.get("judged_on")), "held-out rows")
    unsupervised = content.get("task") not in ("classification", "regression")
    judged = "" if rows is None else f"Judged on {rows:,} {'rows' if unsupervised else on}."
    classes = cast("list[object]", content.get("classes") or [])
    said = f"{content.get('task')} with {model.get('node')}. {judged}"
    of = f" Classes: {', '.join(str(label) for label in classes[:_CLASSES])}." if classes else ""
    return f"<p>{text(said[0].upper() + said[1:])}{text(of)}</p>{note(str(model.get('summary', '')))}"


def headline(content: Content) -> str:
    """Return the figures that are looked at first."""
    known = {str(each["name"]): each for each in _list(content, "metrics")}
    wanted = [name for name in _HEADLINES.get(str(content.get("task")), ()) if name in known] or list(known)[:4]
    cards = "".join(
        f'<div class="figure"><span>{text(name)}</span><b>{text(number(cast("float", known[name]["estimate"])))}</b>'
        f"<span>{text(_range(known[name].get('interval')) or 'no interval')}</span></div>"
        for name in wanted
    )
    return f'<div class="figures">{cards}</div>' if cards else ""


def metrics(content: Content) -> str:
    """Return all metrics with their intervals, and those of each class."""
    rows = [
        (each["name"], each["estimate"], _range(each["interval"]) or None, each["summary"], _direction(each))
        for each in _list(content, "metrics")
    ]
    if not rows:
        return ""
    head = ("metric", "value", "95 % interval", "what it is", "better")
    return table(head, rows, numbers=frozenset({1, 2})) + _classes(_part(content, "evaluation"))


def _classes(evaluation: Content) -> str:
    found = _list(evaluation, "classes")
    rows = [tuple(each[key] for key in ("label", "precision", "recall", "f1", "support")) for each in found[:_CLASSES]]
    if not rows:
        return ""
    head = ("class", "precision", "recall", "f1", "rows")
    return f"<h3>By class</h3>{table(head, rows, numbers=frozenset({1, 2, 3, 4}))}"


def decisions(content: Content) -> str:
    """Return what was chosen after training: calibration, threshold, conformal intervals or sets."""
    found, said = _part(content, "decisions"), []
    if calibration := _part(found, "calibration"):
        said.append(f"Probabilities are calibrated ({calibration['method']}), learned on {calibration['rows']} rows.")
    if threshold := _part(found, "threshold"):
        values = cast("list[float]", threshold["values"])
        labels = cast("list[object]", content.get("classes") or [])
        each = ", ".join(f"{label} from {value:.3g}" for label, value in zip(labels, values, strict=True))
        score, plain = (number(cast("float", threshold[name])) for name in ("score", "default_score"))
        said.append(
            f"Classes win by thresholds: {each}; chosen on {threshold['rows']} rows that were not learned from "
            f"({threshold['criterion']}: {score}, and {plain} by the likeliest class)."
        )
    if conformal := _part(found, "conformal"):
        what = "Sets of classes" if conformal["method"] in ("lac", "aps") else "Intervals"
        nearly = "" if conformal["guaranteed"] else "nearly "
        covered = f"{cast('float', conformal['coverage']):.0%}"
        said.append(f"{what} ({conformal['method']}) hold the truth of {nearly}{covered} of new rows.")
    return items(said) if said else ""


def important(content: Content) -> str:
    """Return what stands above the pictures of columns."""
    found = _part(content, "permutation")
    if not found:
        return ""
    score = number(cast("float", found["score"]))
    return note(
        f"How much worse {found['metric']} ({score} on {found['rows']} rows) is where a column is shuffled, and how "
        "answers change with a column. Columns that say the same hide each other; marks below a line are deciles."
    )


def examples(content: Content) -> str:
    """Return sentences about a few rows."""
    found = _part(content, "examples")
    if not found:
        return ""
    told = _part(found, "explanations")
    how = "exact" if told["method"] != "sampled" else "sampled"
    words = f"Contributions are Shapley values ({how}), {_UNITS[str(told['unit'])]}."
    return items(cast("list[str]", found["sentences"])) + note(words)


def slices(content: Content) -> str:
    """Return the worst slices, and the segments that were asked for."""
    rows = [(where_text(each["where"]), *_slice(each), _chance(each)) for each in _list(content, "worst_slices")]
    head = ("rows where", "rows", "metric", "value", "95 % interval", "beside all rows")
    worst = table(head, rows, numbers=frozenset({1, 3, 4})) if rows else ""
    asked = "".join(
        f"<h3>By {text(name)}</h3>"
        + table(
            ("segment", "rows", "metric", "value", "95 % interval"),
            [(" ".join(cast("dict[str, str]", each["where"]).values()), *_slice(each)) for each in found],
            numbers=frozenset({1, 3, 4}),
        )
        for name, found in cast("Mapping[str, Sequence[Content]]", content.get("segments") or {}).items()
    )
    why = "Picked from many, with intervals widened for that." if worst else ""
    return (note(why) if why else "") + worst + asked


def groups(content: Content) -> str:
    """Return the rates of groups and the gaps between them."""
    return "".join(_group(each) for each in _list(content, "fairness"))


def _group(found: Content) -> str:
    rates = cast("Mapping[str, Mapping[str, float]]", found["groups"])
    names = list(dict.fromkeys(name for each in rates.values() for name in each))
    rows = [(group, *(each.get(name) for name in names)) for group, each in rates.items()]
    per_group = table(("group", *names), rows, numbers=frozenset(range(1, len(names) + 1)))
    gaps = [
        (gap["rate"], gap["highest"], gap["lowest"], _part(gap, "difference")["estimate"], _range(gap["difference"]))
        for gap in _list(found, "gaps")
    ]
    head = ("rate", "highest", "lowest", "difference", "95 % interval")
    between = f"<h3>Largest differences</h3>{table(head, gaps, numbers=frozenset({3, 4}))}" if gaps else ""
    positive = "" if found["positive"] is None else f" (rates for {found['positive']})"
    return f"<h3>By {text(found['column'])}{text(positive)}</h3>{per_group}{between}"


def folds(content: Content) -> str:
    """Return the metrics of the folds of training rows."""
    found = _part(content, "cross_validation")
    mean, std = _part(found, "mean"), _part(found, "std")
    rows = [(name, value, std.get(name)) for name, value in mean.items()]
    count = len(_list(found, "folds"))
    if not rows:
        return ""
    return note(f"{count} folds of the training rows.") + table(
        ("metric", "mean", "spread"), rows, numbers=frozenset({1, 2})
    )


def trials(content: Content) -> str:
    """Return the leaderboard of a search."""
    found = _part(content, "leaderboard")
    best = _list(found, "trials")
    if not best:
        return ""
    judged = [name for name in ("folds", "rows") if name in best[0]]
    rows = [
        (each["trial"], each["score"], *(each[name] for name in judged), each["seconds"], params_text(each["params"]))
        for each in best
    ]
    words = f"The best of {found['tried']} trials, by {found['metric']} on folds of the training rows."
    further = " Those that were judged on more rows and folds stand first." if judged else ""
    head = ("trial", "score", *judged, "seconds", "parameters")
    board = table(head, rows, numbers=frozenset(range(len(head) - 1)))
    return note(words + further) + board + items(cast("list[str]", found.get("notes") or []))


def data(content: Content) -> str:
    """Return what a row holds, and what is done with it."""
    schema = _list(content, "input_schema")
    rows = [
        (each["name"], each["dtype"], "yes" if each.get("nullable") else "no", "yes" if each["needed"] else "no")
        for each in schema[:_SHOWN]
    ]
    columns = table(("column", "type", "missing values seen", "needed"), rows)
    more = note(f"… and {len(schema) - _SHOWN} more columns.") if len(schema) > _SHOWN else ""
    steps = [
        (each["id"], each["node"], each["kind"], Markup(f"<code>{text(each['settings'])}</code>"))
        for each in _list(content, "steps")
    ]
    return f"{columns}{more}<h3>Steps</h3>{table(('id', 'node', 'kind', 'settings'), steps)}"


def _slice(each: Content) -> tuple[object, ...]:
    return each["rows"], each["metric"], _part(each, "interval")["estimate"], _range(each["interval"])


def _chance(each: Content) -> Markup:
    return Markup(
        '<span class="bad">worse</span>' if each["significant"] else '<span class="soft">may be chance</span>'
    )


def _direction(each: Content) -> str | None:
    greater = each["greater_is_better"]
    return None if greater is None else "higher" if greater else "lower"


def _range(interval: JsonValue) -> str:
    if not interval:
        return ""
    known = cast("Mapping[str, float]", interval)
    return f"{number(known['low'])} to {number(known['high'])}"
