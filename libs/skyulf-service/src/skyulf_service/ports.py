"""Where the processes of each service listen unless told otherwise.

Standard library only: every health check of a container starts with it.
"""

from collections.abc import Mapping

PORTS: Mapping[str, int] = {"gateway": 8000, "ingestion": 8001, "pipeline": 8002, "registry": 8003, "inference": 8004}
ROLES: Mapping[str, int] = {"worker": 1, "runner": 2}


def api_port(service: str) -> int:
    """Return the port of a service's HTTP API."""
    return PORTS[service]


def health_port(service: str, role: str) -> int:
    """Return the port on which a worker or runner says how it is."""
    return 8100 + 10 * (PORTS[service] - PORTS["gateway"]) + ROLES[role]
