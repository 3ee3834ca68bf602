"""What can be wrong with a configuration or with data, said so that a person can act on it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import ClassVar

from skyulf_core.serving.errors import shortened

_LONGEST_WORD = 100
_MOST_SHOWN = 10
_MOST_NAMES = 20


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


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """Return `Did you mean 'x'?` for the nearest choice, or None where nothing is near.

    >>> did_you_mean("medain", ["mean", "median"])
    "Did you mean 'median'?"
    """
    if len(word) > _LONGEST_WORD:
        return None
    known = list(choices)
    lowered = {choice.lower(): choice for choice in known}
    near = difflib.get_close_matches(word.lower(), list(lowered), n=1, cutoff=0.6)
    return f"Did you mean {lowered[near[0]]!r}?" if near else None


def known_columns(names: Iterable[str]) -> str:
    """Return the names of the columns that there are, the first twenty of many.

    >>> known_columns(["a", "b c"])
    "the columns are: 'a', 'b c'"
    """
    listed = list(names)
    more = len(listed) - _MOST_NAMES
    shown = ", ".join(repr(shortened(name, 100)) for name in listed[:_MOST_NAMES])
    return f"the columns are: {shown}{f' and {more} more' if more > 0 else ''}" if listed else "there are no columns"


def nearest_column(name: str, names: Iterable[str]) -> str:
    """Return what to do about a column that is not there: the nearest one, and those that there are."""
    listed = list(names)
    known = known_columns(listed)
    return " ".join(filter(None, (did_you_mean(name, listed), f"{known[0].upper()}{known[1:]}.")))


def pointer_part(key: str) -> str:
    """Return a key as one part of a JSON pointer (RFC 6901).

    >>> pointer_part("price/kg")
    'price~1kg'
    """
    return key.replace("~", "~0").replace("/", "~1")
