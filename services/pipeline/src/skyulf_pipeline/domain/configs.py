"""Whether a configuration may become a pipeline: its size first, then everything that the library finds."""

import json
from collections.abc import Mapping, Sequence

from pydantic import JsonValue
from skyulf_core import Problem, Schema, Validation, validate_config
from skyulf_core.pipeline.resolve import resolve
from skyulf_service.errors import FieldProblem

from skyulf_pipeline.domain.errors import InvalidPipelineError, PipelineTooLargeError

MAX_BYTES = 1 << 20
MAX_STEPS = 500
MAX_DEPTH = 64
ROOT = "/config"
MOST_PROBLEMS = 200


def check(config: Mapping[str, JsonValue], schema: Schema | None = None) -> Validation:
    """Return all problems of a configuration that is small enough, else raise `PipelineTooLargeError`."""
    _require_small(config)
    found = validate_config(config, schema)
    if found.valid and resolve(config).model is None:
        message = "A pipeline of this service trains a model."
        hint = "Name one under 'model'."
        return Validation([Problem("/model", message, "missing-model", suggestion=hint)], found.schemas)
    return found


def require_valid(config: Mapping[str, JsonValue], schema: Schema | None = None) -> None:
    """Raise `InvalidPipelineError` with every problem unless the configuration can be run."""
    problems = check(config, schema).problems
    if problems:
        raise InvalidPipelineError(_summary(problems), errors=field_problems(problems))


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
