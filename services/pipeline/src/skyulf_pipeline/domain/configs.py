"""Whether a configuration may become a pipeline: its size first, then everything that the library finds."""

import json
from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue
from skyulf_core import Problem, Schema, Validation
from skyulf_core.pipeline.resolve import Resolved, resolve
from skyulf_core.pipeline.validation import validate_resolved
from skyulf_service.errors import FieldProblem

from skyulf_pipeline.domain.datasets import Tables
from skyulf_pipeline.domain.errors import InvalidPipelineError, PipelineTooLargeError
from skyulf_pipeline.domain.studies import few_in_rounds, few_rows, large_trials, many_folds
from skyulf_pipeline.domain.trials import MOST_TRIALS

MAX_BYTES = 1 << 20
MAX_STEPS = 500
MAX_DEPTH = 64
ROOT = "/config"
NOTHING: Mapping[str, str] = {}
AUTO = "auto"
BUDGET = 60.0
"""Seconds of a search that names none, as the library has it."""
MOST_PROBLEMS = 200
_DEEPEST_SAID = 3
"""Parts of the pointers of `said_of`."""
TASKS = ("classification", "regression")
"""What `job.completed` and everything behind it knows; another task needs another version of that event."""


def check(config: Mapping[str, JsonValue], tables: Tables | None = None) -> Validation:
    """Return all problems of a configuration that is small enough, else raise `PipelineTooLargeError`.

    ``tables`` are checked too: that every source has one, and that the columns fit.
    """
    _require_small(config)
    resolved = resolve(config)
    found = validate_resolved(resolved, _schemas(tables or Tables(), resolved.main_source))
    more = [
        *_missing_tables(resolved, tables), *_other_task(resolved), *_unfit_tuning(config, resolved),
        *few_rows(resolved, tables), *few_in_rounds(resolved, tables), *_no_numbers(config), *many_folds(resolved),
    ]  # fmt: skip
    if more:
        return Validation([*found.problems, *more], found.schemas, found.nodes)
    if found.valid and resolved.model is None and resolved.auto is None:
        message = "A pipeline of this service trains a model."
        hint = "Name one under 'model'."
        return Validation([Problem("/model", message, "missing-model", suggestion=hint)], found.schemas)
    return found


def require_valid(
    config: Mapping[str, JsonValue], tables: Tables | None = None, *, said: Mapping[str, str] = NOTHING
) -> None:
    """Raise `InvalidPipelineError` with every problem unless the configuration can be run.

    ``said`` is what stems from the request itself: pointers into the request by those into the configuration.
    """
    problems = check(config, tables).problems
    if problems:
        raise InvalidPipelineError(_summary(problems), errors=field_problems(problems, said))


def said_of(config: Mapping[str, JsonValue], tuning: Mapping[str, JsonValue] | None) -> dict[str, str]:
    """Return where in the configuration that is run the key `tuning` of a request has gone."""
    if tuning is None:
        return {}
    if not is_automatic(config):
        return {"/tuning": "/tuning"}
    parts = [name.replace("~", "~0").replace("/", "~1") for name in tuning]
    return {f"/model/config/{part}": f"/tuning/{part}" for part in parts}


def is_automatic(config: Mapping[str, JsonValue]) -> bool:
    """Whether the model is `auto`: the best one is searched for."""
    model = config.get("model")
    return AUTO in (model, model.get("node") if isinstance(model, dict) else None)


def with_auto(config: Mapping[str, JsonValue], tuning: Mapping[str, JsonValue] | None) -> dict[str, JsonValue]:
    """Return a configuration whose `auto` is told what a request says, before what the configuration says itself."""
    model = config.get("model")
    written = dict(model) if isinstance(model, dict) else {"node": AUTO}
    own = written.get("config")
    told: dict[str, JsonValue] = {"budget": BUDGET, **(own if isinstance(own, dict) else {}), **(tuning or {})}
    return {**config, "model": {**written, "config": told}}


def auto_of(config: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return what `auto` is told in a configuration that `with_auto` has made."""
    model = config["model"]
    told = model.get("config") if isinstance(model, dict) else None
    return dict(told) if isinstance(told, dict) else {}


def capped(config: Mapping[str, JsonValue], threads: int) -> dict[str, JsonValue]:
    """Return a configuration whose parts ask for so many threads at most; -1 is as many as there may be.

    >>> capped({"model": {"node": "x", "config": {"n_jobs": 8}}, "tuning": {"n_jobs": -1}}, 3)
    {'model': {'node': 'x', 'config': {'n_jobs': 3}}, 'tuning': {'n_jobs': 3}}
    """
    return {name: _capped(name, value, threads) for name, value in config.items()}


def _capped(name: str, value: JsonValue, threads: int) -> JsonValue:
    if isinstance(value, dict):
        return capped(value, threads)
    if isinstance(value, list):
        return [_capped("", each, threads) for each in value]
    asks = name == "n_jobs" and isinstance(value, int) and not isinstance(value, bool)
    return threads if asks and isinstance(value, int) and (value < 0 or value > threads) else value


def tuning_of(config: Mapping[str, JsonValue], tuning: Mapping[str, JsonValue] | None) -> JsonValue:
    """Return how a search is asked for: as told, else as a configuration says. Raises `InvalidPipelineError`."""
    found = config.get("tuning") if tuning is None else dict(tuning)
    if found is None:
        message = "There is nothing to tune without the key tuning."
        raise InvalidPipelineError(message, errors=[FieldProblem("/tuning", message, "missing-field")])
    return found


def with_tuning(config: Mapping[str, JsonValue], tuning: Mapping[str, JsonValue] | None) -> dict[str, JsonValue]:
    """Return a configuration that tunes: as it is told, else as it says itself. Raises `InvalidPipelineError`.

    Where only time ends a study, so does the largest number of trials: of what runs, which nobody has asked for.
    """
    found = tuning_of(config, tuning)
    by_time = isinstance(found, dict) and bool(found.get("timeout")) and found.get("n_trials") is None
    if isinstance(found, dict) and by_time and found.get("strategy", "random") in ("random", "optuna"):
        found = {**found, "n_trials": MOST_TRIALS}
    return {**config, "tuning": found}


def _unfit_tuning(config: Mapping[str, JsonValue], resolved: Resolved) -> Iterator[Problem]:
    """Yield a problem for a study that writes a file of the machine, or is larger than what is kept."""
    tuning = config.get("tuning")
    if not isinstance(tuning, dict):
        return
    if tuning.get("storage") is not None:
        message = "A job keeps its own trials; it writes no file that somebody names."
        hint = "Leave storage out: a job that is tried again goes on where it ended."
        yield Problem("/tuning/storage", message, "storage-refused", field="storage", suggestion=hint)
    trials, field = tuning.get("n_trials"), "n_trials"
    if trials is None and resolved.tuning is not None and resolved.tuning.config.strategy.endswith("grid"):
        trials, field = resolved.tuning.space.size(), "search_space"
    if isinstance(trials, int) and trials > MOST_TRIALS:
        message = f"The study would have {trials:,} trials; {MOST_TRIALS:,} are the most."
        yield Problem(f"/tuning/{field}", message, "too-many", field=field, suggestion="Ask for fewer.")
    if resolved.tuning is not None:
        yield from large_trials(resolved.tuning)


def _no_numbers(config: Mapping[str, JsonValue]) -> Iterator[Problem]:
    """Yield a problem for seconds that are no number: a text of digits, or true."""
    seconds = [("/tuning/timeout", config.get("tuning"))]
    seconds += [("/model/config/budget", auto_of(config))] if is_automatic(config) else []
    for pointer, told in seconds:
        name = pointer.rpartition("/")[2]
        value = told.get(name) if isinstance(told, dict) else None
        if isinstance(value, str | bool):
            message = f"{name} is a number of seconds, not {json.dumps(value)}."
            yield Problem(pointer, message, "wrong-type", field=name, suggestion="Write a number, as 60.")


def _schemas(tables: Tables, main: str) -> dict[str, Schema]:
    given = {name: dataset.schema() for name, dataset in tables.sources.items()}
    # a further source of the main one's name is a second table for it: reported where tables are counted
    return given if tables.main is None else {**given, main: tables.main.schema()}


def _missing_tables(resolved: Resolved, tables: Tables | None) -> list[Problem]:
    """Return a problem for each source without a table, and for the main one where it has two."""
    if tables is None or tables.main is None:
        return []
    problems = []
    for index, name in enumerate(resolved.sources):
        if name != resolved.main_source and name not in tables.sources:
            message = f"The graph reads the source {name!r}, and no dataset is given for it."
            hint = f"Name one: sources: {{{json.dumps(name)}: {{dataset_id}}}}."
            problems.append(Problem(f"/sources/{index}", message, "missing-source", field="sources", suggestion=hint))
    if resolved.main_source in tables.sources:
        message = f"{resolved.main_source!r} is the source whose rows are learned from; its dataset is dataset_id."
        problems.append(Problem("/sources", message, "source-twice", field="sources"))
    return problems


def _other_task(resolved: Resolved) -> list[Problem]:
    """Return a problem for a model of a task that events of this version do not know."""
    task = resolved.model.entry.info().task if resolved.model else None
    if resolved.model is None or task in (None, *TASKS):
        return []
    name, pointer = resolved.model.entry.name, f"{resolved.model.placed.pointer}/node"
    message = f"{name} is a model for {task}; jobs of this service train models for {' and '.join(TASKS)}."
    hint = "Choose one of those, or train it with the library: skyulf_core.Pipeline."
    return [Problem(pointer, message, "unsupported-task", node=name, field="node", suggestion=hint)]


def field_problems(problems: Sequence[Problem], said: Mapping[str, str] = NOTHING) -> list[FieldProblem]:
    """The library's problems as entries of a problem document: pointers below ``/config``, advice in the text.

    Pointers to what a request has ``said`` itself lead there.
    """
    return [FieldProblem(_pointer(each, said), _sentences(each), each.code) for each in problems[:MOST_PROBLEMS]]


def _pointer(problem: Problem, said: Mapping[str, str]) -> str:
    parts = problem.pointer.split("/", _DEEPEST_SAID + 1)
    for depth in range(1, len(parts)):  # a request may say thousands of things
        place = "/".join(parts[: depth + 1])
        if place in said:
            return said[place] + problem.pointer.removeprefix(place)
    return ROOT + problem.pointer


def _sentences(problem: Problem) -> str:
    return " ".join(filter(None, (problem.message, problem.suggestion)))


def _summary(problems: Sequence[Problem]) -> str:
    if len(problems) == 1:
        return f"The pipeline has a problem: {problems[0].message}"
    return f"The pipeline has {len(problems)} problems, the first: {problems[0].message}"


def _require_small(config: Mapping[str, JsonValue]) -> None:
    if _depth(config) > MAX_DEPTH:
        raise PipelineTooLargeError(f"The configuration is nested deeper than {MAX_DEPTH} levels.")
    if len(json.dumps(config, ensure_ascii=False).encode()) > MAX_BYTES:
        raise PipelineTooLargeError(f"The configuration is larger than {MAX_BYTES >> 20} MiB.")
    for key in ("steps", "nodes", "edges"):
        items = config.get(key)
        if isinstance(items, list) and len(items) > MAX_STEPS:
            problem = FieldProblem(
                f"{ROOT}/{key}", f"has {len(items)} entries; {MAX_STEPS} are allowed", "too-many-steps"
            )
            raise InvalidPipelineError(f"A pipeline has at most {MAX_STEPS} steps.", errors=[problem])


def _depth(document: Mapping[str, JsonValue]) -> int:
    # a stack of our own: this is what keeps recursive code behind it safe
    deepest = 0
    waiting: list[tuple[int, JsonValue]] = [(1, dict(document))]
    while waiting and deepest <= MAX_DEPTH:
        depth, value = waiting.pop()
        deepest = max(deepest, depth)
        if isinstance(value, dict):
            waiting.extend((depth + 1, item) for item in value.values())
        elif isinstance(value, list):
            waiting.extend((depth + 1, item) for item in value)
    return deepest
