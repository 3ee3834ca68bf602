"""What is known of a model besides its metrics: how sure they are, what was decided, what it goes by, its report."""

from dataclasses import dataclass
from enum import StrEnum


class ReportFormat(StrEnum):
    """What a report is written as."""

    HTML = "html"
    JSON = "json"
    MARKDOWN = "markdown"


@dataclass(frozen=True, slots=True)
class MetricInterval:
    """The range that holds a metric's true value in ``confidence`` of all cases."""

    low: float
    high: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Importance:
    """How much a model goes by one column."""

    name: str
    importance: float


@dataclass(frozen=True, slots=True)
class JudgingFile:
    """A whole evaluation, or one form of a report, as a blob of this service's bucket."""

    key: str
    sha256: str
    size: int
