"""Real servers, faults and processes for tests and benchmarks.

``NativeKafka``, ``NativePostgres`` and ``NativeS3`` start a server as a process of this machine; the pytest plugin
(``plugin``) wraps them, a container or an address of the environment into the same fixtures; ``TcpProxy`` disturbs a
connection; ``ServiceProcess`` runs a real process of the product and leaves no orphan.
"""

from skyulf_service.testing.kafka import NativeKafka
from skyulf_service.testing.ports import free_port, wait_for_http, wait_for_port
from skyulf_service.testing.postgres import NativePostgres
from skyulf_service.testing.processes import RunMarker, ServiceProcess
from skyulf_service.testing.s3 import NativeS3
from skyulf_service.testing.tcp_proxy import TcpProxy

__all__ = [
    "NativeKafka",
    "NativePostgres",
    "NativeS3",
    "RunMarker",
    "ServiceProcess",
    "TcpProxy",
    "free_port",
    "wait_for_http",
    "wait_for_port",
]
