"""A trace as a tree: to be compared, and to be read by people."""

from collections.abc import Iterator, Sequence

from harness.otlp import Span

Place = tuple[str, ...]


def places(spans: Sequence[Span]) -> list[Place]:
    """Where each span is: its own name with its process, below those of all its ancestors, the outermost first."""
    known = {span.id: span for span in spans}
    return [tuple(reversed(list(_upwards(span, known)))) for span in spans]


def drawn(spans: Sequence[Span]) -> str:
    """The tree as text: when a span began (after the first one), what it was, where, and how long it took."""
    known = {span.id for span in spans}
    start = min(span.began for span in spans)
    lines = [f"{'began':>9}  {'span':<66}{'process':<18}{'took':>10}"]
    for span, depth in _downwards([span for span in spans if span.parent_id not in known], spans, 0):
        what = "  " * depth + span.name
        lines.append(
            f"{(span.began - start) * 1000:6.0f} ms  {what:<66}{process(span):<18}{_took(span.ended - span.began):>10}"
        )
        lines += [f"{'':9}  {'  ' * (depth + 1)}· {event}" for event in span.events]
    return "\n".join(lines)


def process(span: Span) -> str:
    """The process that did it: service and role."""
    return f"{span.service} {span.role}"


def _upwards(span: Span, known: dict[str, Span]) -> Iterator[str]:
    at: Span | None = span
    while at is not None:
        yield f"{process(at)}: {at.name}"
        at = known.get(at.parent_id)


def _downwards(level: Sequence[Span], spans: Sequence[Span], depth: int) -> Iterator[tuple[Span, int]]:
    for span in sorted(level, key=lambda each: each.began):
        yield span, depth
        yield from _downwards([each for each in spans if each.parent_id == span.id], spans, depth + 1)


def _took(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
