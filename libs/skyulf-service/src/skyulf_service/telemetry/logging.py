"""Structured logs: events named ``noun.verb``, with the request and the trace they belong to."""

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Literal

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor

LogFormat = Literal["json", "console"]

# They repeat what our own events say, or tell of every poll.
QUIET = ("uvicorn.access", "aiokafka", "httpx", "httpcore", "urllib3", "alembic", "faststream")


def configure_logging(*, service: str, level: str = "INFO", log_format: LogFormat = "json") -> None:
    """Send structlog's and the standard library's records to stderr in one format; call once per process."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_service(service),
        add_trace,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(log_format)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def bound(**values: object) -> Iterator[None]:
    """Add values to every log line inside the block, also across awaits."""
    with structlog.contextvars.bound_contextvars(**values):
        yield


def current_request_id() -> str | None:
    """The id of the request that is being answered, to be passed on to neighbours; None outside of one."""
    found = structlog.contextvars.get_contextvars().get("request_id")
    return found if isinstance(found, str) else None


def add_trace(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Name the current span in a log line, so that a line leads to its trace."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = format(context.trace_id, "032x")
        event["span_id"] = format(context.span_id, "016x")
    return event


def _add_service(service: str) -> Processor:
    def add(_logger: object, _method: str, event: EventDict) -> MutableMapping[str, object]:
        event.setdefault("service", service)
        return event

    return add


def _renderers(log_format: LogFormat) -> list[Processor]:
    if log_format == "console":
        plain = structlog.dev.plain_traceback  # the rich one shows locals, and takes seconds
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    # locals may hold passwords and people's data
    transformer = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [structlog.processors.ExceptionRenderer(transformer), structlog.processors.JSONRenderer()]
