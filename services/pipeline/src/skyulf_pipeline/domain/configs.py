"""Whether a configuration may become a pipeline: its size first, then everything that the library finds."""

import json
from collections.abc import Mapping, Sequence

from pydantic import JsonValue
from skyulf_core import Problem, Schema, Validation, validate_config
from skyulf_core.pipeline.resolve import Resolved, resolve
from skyulf_service.errors import FieldProblem

from skyulf_pipeline.domain.datasets import Tables
from skyulf_pipeline.domain.errors import InvalidPipelineError, PipelineTooLargeError

MAX_BYTES = 1 << 20
MAX_STEPS = 500
MAX_DEPTH = 64
ROOT = "/config"
MOST_PROBLEMS = 200


def check(config: Mapping[str, JsonValue], tables: Tables | None = None) -> Validation:
    """Return all problems of a configuration that is small enough, else raise `PipelineTooLargeError`.

    ``tables`` are checked too: that every source has one, and that the columns fit.
    """
    _require_small(config)
    resolved = resolve(config)
    found = validate_config(config, _schemas(tables or Tables(), resolved.main_source))
    missing = _missing_tables(resolved, tables)
    if missing:
        return Validation([*found.problems, *missing], found.schemas, found.nodes)
    if found.valid and resolved.model is None:
        message = "A pipeline of this service trains a model."
        hint = "Name one under 'model'."
        return Validation([Problem("/model", message, "missing-model", suggestion=hint)], found.schemas)
    return found


def require_valid(config: Mapping[str, JsonValue], tables: Tables | None = None) -> None:
    """Raise `InvalidPipelineError` with every problem unless the configuration can be run."""
    problems = check(config, tables).problems
    if problems:
        raise InvalidPipelineError(_summary(problems), errors=field_problems(problems))


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


def field_problems(problems: Sequence[Problem]) -> list[FieldProblem]:
    """The library's problems as entries of a problem document: pointers below ``/config``, advice in the text."""
    return [FieldProblem(ROOT + each.pointer, _sentences(each), each.code) for each in problems[:MOST_PROBLEMS]]


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
