"""What can be wrong with a configuration or with data, said so that a person can act on it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import ClassVar

from skyulf_core.serving.errors import shortened

_LONGEST_WORD = 100
_MOST_SHOWN = 10
_MOST_NAMES = 20
_MOST_COMPARED = 10_000_000
_EACH = 50
_left: ContextVar[list[int] | None] = ContextVar("_left", default=None)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    `pointer` is a JSON pointer into the configuration (`/steps/1/config/strategy`), `node` the node's name or the
    step's id, `field` the configuration key, `code` a stable kebab-case name, `suggestion` what to do instead.
    """

    pointer: str
    message: str
    code: str
    node: str | None = None
    field: str | None = None
    suggestion: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", shortened(self.message))

    def to_dict(self) -> dict[str, str | None]:
        """Return the problem as JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        hint = f" {self.suggestion}" if self.suggestion else ""
        return f"{self.pointer or '/'}: {self.message}{hint}"


class CoreError(Exception):
    """Base of every error that this library raises on purpose. `code` is stable, the text is one sentence."""

    code: ClassVar[str] = "core-error"


class InvalidConfigError(CoreError):
    """A configuration has problems; `problems` lists all of them, the text the first ten."""

    code = "invalid-config"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        shown = [str(problem) for problem in self.problems[:_MOST_SHOWN]]
        more = len(self.problems) - len(shown)
        super().__init__("; ".join(shown) + (f"; and {more} more" if more else ""))


class FitWarning(UserWarning):
    """Learning ended, and a person should look: the text names the node and says what to do."""


class DataError(CoreError):
    """Data cannot be used: `reason` is a stable kebab-case name, `column` and `node` say where."""

    code = "invalid-data"

    def __init__(self, message: str, *, reason: str, column: str | None = None, node: str | None = None) -> None:
        self.message, self.reason, self.column, self.node = shortened(message), reason, column, node
        super().__init__(f"{node}: {self.message}" if node else self.message)


class UnknownNodeError(CoreError, LookupError):
    """No node has this name; the text names the nearest one."""

    code = "unknown-node"


class NotFittedError(CoreError):
    """The pipeline was asked for something that exists only after `fit`."""

    code = "not-fitted"


@contextmanager
def few_guesses() -> Iterator[None]:
    """Bound the work of `did_you_mean` inside: after some thousands of wrong words, no nearest ones are looked for.

    Inside another one it is a part of that one.
    """
    if _left.get() is not None:
        yield
        return
    token = _left.set([_MOST_COMPARED])
    try:
        yield
    finally:
        _left.reset(token)


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """Return `Did you mean 'x'?` for the nearest choice, or None where nothing is near.

    >>> did_you_mean("medain", ["mean", "median"])
    "Did you mean 'median'?"
    """
    left = _left.get()
    if len(word) > _LONGEST_WORD or (left is not None and left[0] < 0):
        return None
    known = list(choices)
    if left is not None:
        left[0] -= sum(_EACH + len(word) * len(choice) for choice in known)
        if left[0] < 0:
            return None
    lowered = {choice.lower(): choice for choice in known}
    near = difflib.get_close_matches(word.lower(), list(lowered), n=1, cutoff=0.6)
    return f"Did you mean {lowered[near[0]]!r}?" if near else None


def as_sentence(text: str) -> str:
    """Return a text with a capital letter at its beginning and one mark at its end.

    >>> as_sentence("there is no metric 'rocauc'. Did you mean 'roc_auc'?")
    "There is no metric 'rocauc'. Did you mean 'roc_auc'?"
    """
    begun = f"{text[:1].upper()}{text[1:]}"
    return begun if begun.endswith((".", "?")) else f"{begun}."


def some_of(names: Iterable[str], *, between: str = ", ") -> str:
    """Return the names, the first twenty of many, each with its middle left out where it is long.

    >>> some_of(["a", "b"])
    'a, b'
    """
    listed = list(names)
    more = len(listed) - _MOST_NAMES
    shown = between.join(shortened(name, _LONGEST_WORD) for name in listed[:_MOST_NAMES])
    return f"{shown} and {more} more" if more > 0 else shown


def known_columns(names: Iterable[str]) -> str:
    """Return the names of the columns that there are, the first twenty of many.

    >>> known_columns(["a", "b c"])
    "the columns are: 'a', 'b c'"
    """
    listed = names if isinstance(names, list) else list(names)
    more = len(listed) - _MOST_NAMES
    shown = ", ".join(repr(shortened(name, 100)) for name in listed[:_MOST_NAMES])
    return f"the columns are: {shown}{f' and {more} more' if more > 0 else ''}" if listed else "there are no columns"


def nearest_column(name: str, names: Iterable[str]) -> str:
    """Return what to do about a column that is not there: the nearest one, and those that there are."""
    listed = names if isinstance(names, list) else list(names)
    known = known_columns(listed)
    return " ".join(filter(None, (did_you_mean(name, listed), f"{known[0].upper()}{known[1:]}.")))


def pointer_part(key: str) -> str:
    """Return a key as one part of a JSON pointer (RFC 6901).

    >>> pointer_part("price/kg")
    'price~1kg'
    """
    return key.replace("~", "~0").replace("/", "~1")
