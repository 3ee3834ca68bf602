"""The few shapes of PromQL that the dashboards are made of."""

WINDOW = "$__rate_interval"


def rate(metric: str, *by: str, where: str = "") -> str:
    """How often a counter rises in a second, summed by labels."""
    return f"sum{_by(*by)} (rate({metric}{_where(where)}[{WINDOW}]))"


def or_zero(part: str, whole: str) -> str:
    """A rate that is 0, and not missing, where the whole goes on without it."""
    return f"({part}) or 0 * ({whole})"


def quantile(share: float, histogram: str, *by: str, where: str = "") -> str:
    """What the given share of the measurements stays below."""
    return f"histogram_quantile({share:g}, {rate(f'{histogram}_bucket', 'le', *by, where=where)})"


def greatest(gauge: str, *by: str, where: str = "") -> str:
    """A gauge that several processes show alike."""
    return f"max{_by(*by)} ({gauge}{_where(where)})"


def total(gauge: str, *by: str, where: str = "") -> str:
    """A gauge of which each process shows its own part."""
    return f"sum{_by(*by)} ({gauge}{_where(where)})"


def _by(*labels: str) -> str:
    return f" by ({', '.join(labels)})" if labels else ""


def _where(matchers: str) -> str:
    return f"{{{matchers}}}" if matchers else ""
