"""What is heard of a job's child while it works."""

from dataclasses import dataclass

from pydantic import JsonValue
from skyulf_service.work.calls import Told
from skyulf_service.work.failures import CANCELLED, ChildFailedError


@dataclass(slots=True)
class Heard:
    """What a child has told: that the model is made, which is kept here, or of its study, which goes on to that."""

    of_study: Told | None
    trained: dict[str, JsonValue] | None = None

    async def __call__(self, value: dict[str, JsonValue]) -> None:
        """Take in what the child tells."""
        trained = value.get("trained")
        if isinstance(trained, dict):
            self.trained = trained
        elif self.of_study is not None:
            await self.of_study(value)

    def without_report(self, error: ChildFailedError) -> dict[str, JsonValue]:
        """Return what was made before the child failed at the report; raise the error where that was nothing."""
        if self.trained is None or error.code == CANCELLED:
            raise error
        return {**self.trained, "report_problem": error.message}
