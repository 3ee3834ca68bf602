"""The check of what a child has made: whoever serves a model has to get the same answers."""

from pathlib import Path

from pydantic import JsonValue
from skyulf_core.bundle import verify
from skyulf_core.serving import PlanError
from skyulf_service.work.failures import ChildError

from skyulf_pipeline.child.parts import Report, Spec


def check(spec: Spec, report: Report) -> dict[str, JsonValue]:
    """Replay a bundle's golden rows as a server would; ``spec`` has ``bundle``. A wrong answer is a `ChildError`."""
    report(0.0, "check")
    try:
        found = verify(Path(str(spec["bundle"])))
    except PlanError as error:
        raise ChildError("bundle-refused", f"The trained model does not repeat its answers: {error}") from error
    return {"rows": found.rows, "largest_difference": found.largest_difference, "tolerance": found.tolerance}
