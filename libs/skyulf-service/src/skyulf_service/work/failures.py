"""How work in a child process fails. Standard library only: child functions import this."""

OUT_OF_MEMORY = "out_of_memory"
TIMEOUT = "timeout"
CANCELLED = "cancelled"
CRASHED = "crashed"
FAILED = "failed"
INVALID_RESULT = "invalid_result"
LEASE_EXPIRED = "lease_expired"


class ChildError(Exception):
    """Raised by a child function for a fact that the user may act on; ``code`` is stable, ``message`` a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ChildFailedError(Exception):
    """Raised in the parent when a child ended without a result.

    ``code`` is `out_of_memory`, `timeout`, `cancelled`, `crashed` (``message`` names the signal or exit status),
    `failed` (an unforeseen exception), `invalid_result`, or the code of a `ChildError`. ``log`` is the tail of what
    the child printed.
    """

    def __init__(self, code: str, message: str, *, log: tuple[str, ...] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.log = log
