"""What the code can measure: every series' name with its labels, once all services are imported."""

from importlib import import_module

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

# what measures and is imported only where it is needed
MODULES = (
    "skyulf_standalone.main", "skyulf_service.messaging.kafka", "skyulf_service.process", "skyulf_service.supervision",
)  # fmt: skip
ENDINGS = {Counter: ("_total",), Gauge: ("",), Histogram: ("_bucket", "_sum", "_count")}
PROCESS = ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds")


def series() -> dict[str, frozenset[str]]:
    """The labels of every series of ours, by name; and the few of the client library that are used."""
    for module in MODULES:
        import_module(module)
    found: dict[str, frozenset[str]] = {name: frozenset() for name in PROCESS}
    for collector in set(REGISTRY._collector_to_names):
        for kind, endings in ENDINGS.items():
            if isinstance(collector, kind):
                names = {f"{collector._name}{ending}" for ending in endings}
                found.update(dict.fromkeys(names, frozenset(collector._labelnames)))
    return found
