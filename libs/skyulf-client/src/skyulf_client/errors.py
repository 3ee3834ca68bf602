"""What can go wrong between you and Skyulf."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class SkyulfClientError(Exception):
    """The root of all errors of this package; its text is one sentence for people."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing that is wrong with a request. ``pointer`` is a JSON pointer into the body, or ``/query/…``."""

    pointer: str
    detail: str
    code: str | None = None


class SkyulfApiError(SkyulfClientError):
    """Skyulf's refusal. ``code`` is the last part of the problem's type, such as ``dataset-not-ready``."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldProblem] = (),
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.request_id, self.retry_after = tuple(errors), request_id, retry_after

    @classmethod
    def of(cls, status: int, headers: Mapping[str, str], body: bytes) -> "SkyulfApiError":
        """Read an answer of status 400 or more; what is no problem document (a proxy's page) is told in brief."""
        problem = _document(body)
        code = str(problem.get("type") or "").rpartition("/")[2] or f"http-{status}"
        detail = problem.get("detail") or problem.get("title") or f"The server answered with status {status}."
        return cls(
            status,
            code,
            str(detail),
            errors=_field_problems(problem.get("errors")),
            request_id=str(problem.get("request_id") or headers.get("x-request-id") or "") or None,
            retry_after=_seconds(headers.get("retry-after")),
        )


class SkyulfConnectionError(SkyulfClientError):
    """Skyulf was not reached, or its answer was lost. ``unsent``: the request cannot have had an effect."""

    def __init__(self, detail: str, *, unsent: bool) -> None:
        super().__init__(detail)
        self.unsent = unsent


class CredentialsError(SkyulfClientError):
    """Nothing says where Skyulf is or who is asking."""


class DamagedCredentialsError(CredentialsError):
    """The file that says it cannot be read."""


class WaitTimeoutError(SkyulfClientError):
    """What was waited for has not happened in time; it goes on all the same."""


def _document(body: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _field_problems(found: object) -> list[FieldProblem]:
    items = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    return [
        FieldProblem(str(item.get("pointer", "")), str(item.get("detail", "")), str(item.get("code") or "") or None)
        for item in items
    ]


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
