"""HTTP of a service: the app factory, permissions, problems, idempotency and health.

::

    app = create_app(service="registry", settings=settings, verifier=verifier, routers=[...], uows=uows)
"""

from skyulf_service.http.app import create_app
from skyulf_service.http.dependencies import (
    CurrentScope,
    IfMatch,
    PageQuery,
    etag,
    read_unit_of_work,
    unit_of_work,
)
from skyulf_service.http.idempotency import Idempotency
from skyulf_service.http.pages import PageRead
from skyulf_service.http.requires import (
    allow_anyone,
    requires,
    requires_identity,
    requires_service,
    requires_socket,
)

__all__ = [
    "CurrentScope",
    "Idempotency",
    "IfMatch",
    "PageQuery",
    "PageRead",
    "allow_anyone",
    "create_app",
    "etag",
    "read_unit_of_work",
    "requires",
    "requires_identity",
    "requires_service",
    "requires_socket",
    "unit_of_work",
]
