"""Which headers pass the door, in and out."""

import re

from skyulf_service.ids import new_id

Headers = list[tuple[bytes, bytes]]

REQUEST_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
TRACEPARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

# The client's own identity and address book end at the door; the hop-by-hop ones belong to its connection.
NOT_FORWARDED = frozenset(
    {
        b"host", b"authorization", b"x-api-key", b"cookie", b"x-request-id", b"traceparent", b"tracestate", b"baggage",
        b"forwarded", b"via", b"expect", b"connection", b"keep-alive", b"te", b"trailer", b"upgrade",
        b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"x-real-ip", b"x-http-method-override",
        b"x-original-url", b"x-rewrite-url", b"skyulf-elsewhere",
    }
)  # fmt: skip
NOT_FORWARDED_PREFIXES = (b"x-skyulf-", b"x-forwarded-", b"skyulf-project")

API_POLICY = b"default-src 'none'; frame-ancestors 'none'"
DOCS_POLICY = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'"
)
# Pages of services show people's data: no script of theirs runs, and nothing is asked from anywhere.
PAGE_POLICY = b"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
SECURITY: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
# Set by the door alone, or nobody's business.
NOT_ANSWERED = frozenset({b"x-request-id", b"server", b"content-security-policy", *(name for name, _ in SECURITY)})


def first(headers: Headers, name: bytes) -> bytes:
    """The first value of a header; empty where it is missing."""
    for key, value in headers:
        if key == name:
            return value
    return b""


def request_id(headers: Headers) -> str:
    """The client's request id where it is a harmless one, or a new one."""
    offered = first(headers, b"x-request-id")
    return offered.decode() if REQUEST_ID.fullmatch(offered) else str(new_id())


def forwarded(headers: Headers, *, token: str | None, request_id: str, traceparent: bytes) -> Headers:
    """What a service sees: the client's headers without its identity, and the internal token instead."""
    dropped = NOT_FORWARDED
    if named := first(headers, b"connection"):
        dropped = dropped | {name.strip().lower() for name in named.split(b",")}
    kept = [pair for pair in headers if pair[0] not in dropped and not pair[0].startswith(NOT_FORWARDED_PREFIXES)]
    if token is not None:
        kept.append((b"authorization", b"Bearer " + token.encode()))
    kept.append((b"x-request-id", request_id.encode()))
    kept.append((b"traceparent", traceparent))
    return kept


def answered(headers: Headers, *, request_id: str, policy: bytes = API_POLICY, secure: bool = False) -> Headers:
    """What the client sees: the service's headers, the request's id and the door's security headers."""
    kept = [pair for pair in headers if pair[0].lower() not in NOT_ANSWERED]
    kept.extend(SECURITY)
    is_page = policy == API_POLICY and first(headers, b"content-type").startswith(b"text/html")
    kept.append((b"content-security-policy", PAGE_POLICY if is_page else policy))
    kept.append((b"x-request-id", request_id.encode()))
    if not any(name.lower() == b"cache-control" for name, _ in kept):
        kept.append((b"cache-control", b"private, no-cache"))
    if secure:
        kept.append((b"strict-transport-security", b"max-age=31536000"))
    return kept
