"""Figures of models besides their metrics."""

from skyulf_client.answers.base import Answer


class MetricInterval(Answer):
    """The range that holds a metric's true value in ``confidence`` (0.95: 95 %) of all cases."""

    low: float
    high: float
    confidence: float


class Importance(Answer):
    """How much a model goes by one column."""

    name: str
    importance: float
