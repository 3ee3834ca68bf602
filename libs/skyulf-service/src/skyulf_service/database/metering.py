"""What a database's connections are doing, as metrics."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import Counter, Gauge, Histogram

POOL_SIZE = Gauge("skyulf_database_pool_connections", "Transactions that the process may have at once", ["service"])
IN_USE = Gauge("skyulf_database_connections_in_use", "Connections that are being used", ["service"])
WAITING = Gauge("skyulf_database_transactions_waiting", "Transactions that wait for their turn", ["service"])
WAIT_SECONDS = Histogram(
    "skyulf_database_wait_seconds",
    "Time that a transaction waited, where its turn did not come at once",
    ["service"],
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0),
)
REFUSALS = Counter("skyulf_database_refusals_total", "Transactions that waited in vain", ["service"])


class PoolMeter:
    """The metrics of one database; its children are bound once, since transactions are many."""

    def __init__(self, service: str) -> None:
        self.in_use = IN_USE.labels(service)
        self._waiting = WAITING.labels(service)
        self._seconds = WAIT_SECONDS.labels(service)
        self.refusals = REFUSALS.labels(service)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Measure how long the block takes, however it ends."""
        began = perf_counter()
        self._waiting.inc()
        try:
            yield
        finally:
            self._waiting.dec()
            self._seconds.observe(perf_counter() - began)
