"""What is handed over of a fitted pipeline: its bundle, and a report of how it did and what it goes by."""

import json
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import cast

from pydantic import JsonValue
from skyulf_core import Pipeline
from skyulf_core.evaluation.metrics import greater_is_better
from skyulf_core.report import Report as Judgement
from skyulf_core.tuning.tuned import Tuned
from skyulf_service.work.failures import ChildError

from skyulf_pipeline.child.parts import Spec, Telling, summary

REPORT_SECONDS = 600.0
SHARE_OF_TIME = 0.5
"""A report takes so much of the time that the job has left, and `REPORT_SECONDS` at most."""
MOST_NUMBERS = 64
"""A table of more numbers than this is left out of what is told of decisions; the bundle has it."""
MOST_IMPORTANCES = 20
_TRIALS = 20
_AGAIN = 0.5
_WORDS = 500


def hand_over(pipeline: Pipeline, spec: Spec, report: Telling, *, tuned: Tuned | None = None) -> dict[str, JsonValue]:
    """Write the bundle and then the report of a fitted pipeline, and return what is said of it.

    ``spec`` has ``bundle`` and ``report`` (folders to be made) and ``ends_at`` (seconds since 1970, when the job ends
    at the latest). Once there is a bundle, that is told under ``trained``: whatever happens to a report, even a crash,
    the model is made. A report that cannot be made leaves the reason under ``report_problem``. ``tuned`` is the study
    that has chosen the pipeline. A pipeline without a model is a `ChildError`.
    """
    made = {**summary(pipeline), "decisions": slim(cast("JsonValue", pipeline.fitted.decisions()))}
    report(0.95, "save")
    pipeline.save(str(spec["bundle"]))
    with suppress(ValueError):  # more classes than can be told: then nothing is lost but this care
        report.tell({"trained": made})
    report(0.96, "report")
    left = float(cast("float", spec["ends_at"])) - time.time()
    try:
        with _limited(max(min(REPORT_SECONDS, SHARE_OF_TIME * left), 1.0)):
            content = _written(pipeline, Path(str(spec["report"])), tuned)
            return {**made, "intervals": intervals_of(content), "importances": importances_of(content)}
    except Exception as error:  # whatever it is: the model is made, and a person reads why there is no report
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        return {**made, "report_problem": reason[:_WORDS]}


def intervals_of(content: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return how sure a report's metrics are, by their names."""
    found: dict[str, JsonValue] = {}
    for metric in _objects(content.get("metrics")):
        interval = metric.get("interval")
        if isinstance(interval, dict):
            found[str(metric["name"])] = {
                "low": interval["low"], "high": interval["high"], "confidence": interval["level"]
            }  # fmt: skip
    return found


def importances_of(content: Mapping[str, JsonValue]) -> list[JsonValue]:
    """Return what a model goes by, the largest first: by shuffled columns, or as the model says itself."""
    shuffled, own = content.get("permutation"), content.get("importances")
    if isinstance(shuffled, dict):
        found = [(str(each["column"]), each["mean"]) for each in _objects(shuffled.get("columns"))]
    elif isinstance(own, dict):
        found = [(str(each["name"]), each["share"]) for each in _objects(own.get("columns"))]
    else:
        return []
    ordered = sorted(found, key=lambda pair: -cast("float", pair[1]))[:MOST_IMPORTANCES]
    return [{"name": name, "importance": value} for name, value in ordered]


def slim(value: JsonValue) -> JsonValue:
    """Leave large tables out.

    >>> slim({"calibration": {"method": "isotonic", "parameters": [[0.0] * 100]}})
    {'calibration': {'method': 'isotonic'}}
    """
    if not isinstance(value, dict):
        return value
    return {
        name: slim(each) for name, each in value.items() if not isinstance(each, list) or _numbers(each) <= MOST_NUMBERS
    }


def _numbers(value: JsonValue) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return sum(map(_numbers, value)) if isinstance(value, list) else 1


def _written(pipeline: Pipeline, folder: Path, tuned: Tuned | None) -> dict[str, JsonValue]:
    """Write all forms of the report, and return what they say."""
    content = pipeline.report().to_dict()
    if tuned is not None:
        content["leaderboard"] = _board(tuned)
    judgement = Judgement(content)
    folder.mkdir()
    written = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "report.json").write_text(written, encoding="utf-8")
    (folder / "model_card.md").write_text(judgement.to_markdown(), encoding="utf-8")
    (folder / "report.html").write_text(judgement.to_html(), encoding="utf-8")
    return content


def _board(tuned: Tuned) -> JsonValue:
    """Return the best trials of a study, as a report shows them."""
    scored = [(trial, trial.score) for trial in tuned.trials if trial.score is not None]
    sign = -1.0 if greater_is_better(tuned.metric) else 1.0
    scored.sort(key=lambda pair: (-pair[0].round, sign * pair[1], pair[0].number))
    trials: list[JsonValue] = [
        {"trial": trial.number, "score": score, "seconds": trial.seconds, "params": trial.params}
        for trial, score in scored[:_TRIALS]
    ]
    return {"metric": tuned.metric, "trials": trials, "tried": len(tuned.trials), "end": tuned.end}


def _objects(value: JsonValue) -> Sequence[dict[str, JsonValue]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Interrupt what takes longer, between two steps of the interpreter; for the main thread of a child only."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise ChildError("timeout", f"it took longer than {seconds:.0f} seconds")

    before = signal.signal(signal.SIGALRM, interrupt)
    # again: what is raised within a callback of the garbage collector is swallowed
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
