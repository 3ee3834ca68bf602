"""The door's span of a request: in the client's trace where it names one, else the first of a new trace."""

import secrets

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags, Tracer
from skyulf_service.http.openapi import Route

from skyulf_gateway.api.headers import TRACEPARENT, Headers, first


class Trace:
    """One span. ``traceparent`` is what the next hop gets."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, tracer: Tracer, headers: Headers, route: Route) -> None:
        offered = first(headers, b"traceparent")
        known = offered if TRACEPARENT.fullmatch(offered) else None
        self._span: Span = tracer.start_span(
            f"{route.method} {route.path}",
            context=Context() if known is None else _context(known),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": route.method, "http.route": route.path},
        )
        self.traceparent = _written(self._span.get_span_context(), known)

    def exemplar(self) -> dict[str, str] | None:
        """What leads from a measurement to this trace, where somebody records it."""
        context = self._span.get_span_context()
        return {"trace_id": f"{context.trace_id:032x}"} if self._span.is_recording() else None

    def end(self, status: int) -> None:
        """The request is over; 5xx marks the span as failed."""
        self._span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


def _context(traceparent: bytes) -> Context:
    text = traceparent.decode()
    remote = SpanContext(
        int(text[3:35], 16), int(text[36:52], 16), is_remote=True, trace_flags=TraceFlags(int(text[53:], 16))
    )
    return trace.set_span_in_context(NonRecordingSpan(remote), Context())


def _written(context: SpanContext, known: bytes | None) -> bytes:
    if context.is_valid and (known is None or context.span_id != int(known[36:52], 16)):
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}".encode()
    # without a tracer in this process there is still one trace, with a hop of its own
    span = secrets.token_hex(8).encode()
    if known is not None:
        return known[:36] + span + known[52:]
    return b"00-" + secrets.token_hex(16).encode() + b"-" + span + b"-01"
