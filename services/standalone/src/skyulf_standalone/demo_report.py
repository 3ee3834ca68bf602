"""What the demo shows: steps with their times, and tables."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import JsonValue
from rich.console import Console
from rich.markup import escape
from skyulf_client.answers import Evaluation, Event, Prediction
from skyulf_client.cli.output import table

LESS_IS_BETTER = frozenset({"log_loss", "brier"})
SHOWN_METRICS = ("roc_auc", "pr_auc", "log_loss", "brier", "accuracy", "balanced_accuracy", "mcc")
QUIET_EVENTS = frozenset({"job.progressed"})


@dataclass
class Story:
    """Tells the demo's steps and how long each took."""

    console: Console
    times: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step; its time is kept when it works out."""
        self.console.print(f"\n[bold cyan]{len(self.times) + 1}. {escape(title)}[/]")
        began = time.monotonic()
        yield
        self.times[title] = time.monotonic() - began

    def say(self, text: str) -> None:
        """Print a line of a step; ``text`` is rich's markup."""
        self.console.print(f"   {text}", soft_wrap=True)

    def show_times(self) -> None:
        """Print how long each step took."""
        rows: list[list[object]] = [[title, f"{seconds:.1f} s"] for title, seconds in self.times.items()]
        rows.append(["Everything", f"{sum(self.times.values()):.1f} s"])
        self.console.print(table(["Step", "Time"], rows))


def comparison(evaluations: Mapping[str, Evaluation]) -> Iterator[list[object]]:
    """Rows of metrics side by side, the better one marked."""
    for metric in SHOWN_METRICS:
        values = [found.metrics.get(metric) for found in evaluations.values()]
        known = [value for value in values if value is not None]
        if not known:
            continue
        less = metric in LESS_IS_BETTER
        best = min(known) if less else max(known)
        cells = ["–" if value is None else f"{value:.4f}{' ✓' if value == best else '  '}" for value in values]
        yield [metric, "less" if less else "more", *cells]


def examples(
    rows: Sequence[Mapping[str, JsonValue]], truth: Sequence[bool], chances: Sequence[float], *, each: int = 3
) -> Iterator[list[object]]:
    """A few flights: what was said before departure, and what happened."""
    some = [
        index for outcome in (True, False) for index in [i for i, late in enumerate(truth) if late is outcome][:each]
    ]
    for index in sorted(some):
        row = rows[index]
        departure = int(str(row["sched_dep_time"]))
        route = f"{row['carrier']} {row['origin']}–{row['dest']}"
        said = "late" if chances[index] > 0.5 else "on time"
        happened = "late" if truth[index] else "on time"
        # time_hour is in UTC; five hours back is the day in New York, as nothing departs between 0 and 5 o'clock
        day = (datetime.fromisoformat(str(row["time_hour"])) - timedelta(hours=5)).date()
        yield [route, f"{day} {departure // 100:02}:{departure % 100:02}", f"{chances[index]:.0%}", said, happened]


def chances_of(prediction: Prediction) -> list[float]:
    """The probability of being late, for each row."""
    return [shares["true"] for shares in prediction.probabilities or []]


def roc_auc(truth: Sequence[bool], scores: Sequence[float]) -> float:
    """The chance that a late flight has a higher score than a punctual one (ties count half)."""
    ordered = sorted(zip(scores, truth, strict=True))
    ranks, position = 0.0, 0
    while position < len(ordered):
        end = position
        while end < len(ordered) and ordered[end][0] == ordered[position][0]:
            end += 1
        ranks += sum(late for _, late in ordered[position:end]) * (position + 1 + end) / 2
        position = end
    late = sum(truth)
    return (ranks - late * (late + 1) / 2) / (late * (len(truth) - late))


def event_rows(events: Sequence[Event]) -> Iterator[list[object]]:
    """Events with their time since the first one, in seconds; progress is left out."""
    for event in events:
        if event.name in QUIET_EVENTS:
            continue
        since = (event.time - events[0].time).total_seconds()
        source = event.source.rpartition("/")[2]
        yield [event.sequence, f"+{since:.3f} s", source, event.name, _about(event.data)]


def _about(data: Mapping[str, JsonValue]) -> str:
    name = data.get("pipeline_name") or data.get("model") or data.get("name") or ""
    rows, status = data.get("rows"), data.get("status")
    parts = [str(name), f"{rows:,} rows" if isinstance(rows, int) else "", str(status) if status else ""]
    return ", ".join(part for part in parts if part)
