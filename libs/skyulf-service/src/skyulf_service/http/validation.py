"""What is wrong with a request, as JSON pointers and sentences a person can act on."""

from collections.abc import Sequence

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from skyulf_service.errors import FieldProblem, InvalidInputError, SkyulfError, UnsupportedTypeError

MOST_ERRORS = 100  # a million wrong rows must not become a larger answer
SENTENCES = {"missing": "is required", "extra_forbidden": "is not a known field", "json_invalid": "is not valid JSON"}


def explain(request: Request, error: RequestValidationError) -> SkyulfError:
    """Turn FastAPI's list of errors into an error of ours."""
    found = error.errors()
    if isinstance(error.body, bytes) and any(tuple(entry["loc"]) == ("body",) for entry in found):
        return UnsupportedTypeError("Send the body as JSON, with Content-Type: application/json.")
    problems = [_problem(entry) for entry in found[:MOST_ERRORS]]
    return InvalidInputError(_summary(problems, len(found)), errors=problems)


def pointer(parts: Sequence[str | int]) -> str:
    """Write a location as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _problem(entry: dict[str, object]) -> FieldProblem:
    kind = str(entry["type"])
    location = entry["loc"]
    parts = list(location) if isinstance(location, Sequence) else []
    if kind == "json_invalid":
        context = entry.get("ctx")
        reason = context.get("error", "") if isinstance(context, dict) else ""
        where = f" at character {parts[-1]}" if parts and isinstance(parts[-1], int) else ""
        return FieldProblem("", f"is not valid JSON{where}: {reason}", "json-invalid")
    if parts and parts[0] == "body":
        parts = parts[1:]
    message = SENTENCES.get(kind) or str(entry["msg"]).removeprefix("Value error, ")
    return FieldProblem(pointer(parts), message, kind.replace("_", "-"))


def _summary(problems: Sequence[FieldProblem], count: int) -> str:
    shown = "; ".join(f"{problem.pointer or 'the body'}: {problem.message}" for problem in problems[:3])
    return f"{shown}." if count <= 3 else f"{shown}; and {count - 3} more."
