"""A receiver of traces: takes what a process exports by OTLP over HTTP, and keeps the spans."""

import gzip
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue


@dataclass(frozen=True)
class Span:
    """A span as it was exported; times in seconds."""

    trace_id: str
    id: str
    parent_id: str
    name: str
    service: str
    role: str
    began: float
    ended: float
    failed: bool
    attributes: Mapping[str, str | int]
    events: tuple[str, ...] = field(default=())


class TraceReceiver:
    """``with TraceReceiver() as receiver``: set `environment` for the processes whose spans it shall get."""

    def __init__(self) -> None:
        self.spans: dict[str, Span] = {}
        received = self.spans

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                received.update({span.id: span for span in read(body)})
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="traces", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process export its spans here, twice a second."""
        address = f"http://127.0.0.1:{self._server.server_address[1]}"
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_BSP_SCHEDULE_DELAY": "500"}

    def trace(self, trace_id: str, complete: Callable[[list[Span]], bool], *, seconds: float = 30) -> list[Span]:
        """Wait until a trace is complete; returns its spans in the order of their beginnings."""
        deadline = time.monotonic() + seconds
        while True:
            found = sorted(
                (span for span in list(self.spans.values()) if span.trace_id == trace_id), key=lambda span: span.began
            )
            if complete(found) or time.monotonic() > deadline:
                return found
            time.sleep(0.2)


def read(body: bytes) -> list[Span]:
    """The spans of an export request."""
    found = []
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        of_process = values(resource.resource.attributes)
        for scope in resource.scope_spans:
            found += [
                Span(
                    trace_id=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    name=span.name,
                    service=str(of_process["service.name"]).removeprefix("skyulf-"),
                    role=str(of_process["skyulf.role"]),
                    began=span.start_time_unix_nano / 1e9,
                    ended=span.end_time_unix_nano / 1e9,
                    failed=span.status.code == 2,
                    attributes=values(span.attributes),
                    events=tuple(event.name for event in span.events),
                )
                for span in scope.spans
            ]
    return found


def values(attributes: "list[KeyValue]") -> dict[str, str | int]:
    """Attributes as a dictionary; numbers stay numbers."""
    return {
        each.key: each.value.int_value if each.value.HasField("int_value") else each.value.string_value
        for each in attributes
    }
