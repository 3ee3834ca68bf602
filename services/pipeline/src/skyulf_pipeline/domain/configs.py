"""Whether a configuration may become a pipeline: its size first, then everything that the library finds."""

import json
from collections.abc import Mapping, Sequence

from pydantic import JsonValue
from skyulf_core import Problem, Schema, Validation, validate_config
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
    return validate_config(config, schema)


def require_valid(config: Mapping[str, JsonValue], schema: Schema | None = None) -> None:
    """Raise `InvalidPipelineError` with every problem unless the configuration can be run."""
    problems = check(config, schema).problems
    if problems:
        raise InvalidPipelineError(_summary(problems), errors=field_problems(problems))


def field_problems(problems: Sequence[Problem]) -> list[FieldProblem]:
    """The library's problems as entries of a problem document: pointers below ``/config``, advice in the text."""
    return [
        FieldProblem(ROOT + problem.pointer, " ".join(filter(None, (problem.message, problem.suggestion))), problem.code)
        for problem in problems[:MOST_PROBLEMS]
    ]


def _summary(problems: Sequence[Problem]) -> str:
    if len(problems) == 1:
        return f"The pipeline has a problem: {problems[0].message}"
    return f"The pipeline has {len(problems)} problems, the first: {problems[0].message}"


def _require_small(config: Mapping[str, JsonValue]) -> None:
    if _depth(config) > MAX_DEPTH:
        raise PipelineTooLargeError(f"The configuration is nested deeper than {MAX_DEPTH} levels.")
    if len(json.dumps(config, ensure_ascii=False).encode()) > MAX_BYTES:
        raise PipelineTooLargeError(f"The configuration is larger than {MAX_BYTES >> 20} MiB.")
    steps = config.get("steps")
    if isinstance(steps, list) and len(steps) > MAX_STEPS:
        problem = FieldProblem(f"{ROOT}/steps", f"has {len(steps)} steps; {MAX_STEPS} are allowed", "too-many-steps")
        raise InvalidPipelineError(f"A pipeline has at most {MAX_STEPS} steps.", errors=[problem])


def _depth(document: Mapping[str, JsonValue]) -> int:
    # a stack of our own: this is what keeps recursive code behind it safe
    deepest, waiting = 0, [(1, dict(document))]
    while waiting and deepest <= MAX_DEPTH:
        depth, value = waiting.pop()
        deepest = max(deepest, depth)
        items = value.values() if isinstance(value, dict) else value
        waiting.extend((depth + 1, item) for item in items if isinstance(item, dict | list))
    return deepest
