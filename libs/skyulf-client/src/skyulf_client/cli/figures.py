"""How figures of models are printed."""

from collections.abc import Mapping

from skyulf_client.answers import MetricInterval


def with_intervals(metrics: Mapping[str, float], intervals: Mapping[str, MetricInterval]) -> dict[str, str]:
    """Each metric, and how sure it is where that is known.

    >>> with_intervals({"accuracy": 0.93}, {"accuracy": MetricInterval(low=0.87, high=0.98, confidence=0.95)})
    {'accuracy': '0.93 [0.87, 0.98]'}
    """
    return {name: _shown(value, intervals.get(name)) for name, value in metrics.items()}


def _shown(value: float, interval: MetricInterval | None) -> str:
    return f"{value:.4g}" if interval is None else f"{value:.4g} [{interval.low:.4g}, {interval.high:.4g}]"
