"""Operations on texts: text_clean and alias. One function of a text, used by frames, rows and batches alike."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import (
    Columns,
    Op,
    OpError,
    PlanError,
    Row,
    RowFunction,
    ValueProblem,
    operation,
    plain,
    same_length,
)

TextStep: TypeAlias = Literal["replace", "remove_special", "collapse_whitespace", "trim", "lower", "upper", "title"]
TextFunction: TypeAlias = Callable[[str], str]
MAX_PATTERN = 1_000
"""Most characters of a pattern and of a replacement."""

MAX_SEARCHED = 10_000
"""Longest text, in characters, in which a pattern is replaced that may look further ahead than its matches reach."""
TOO_LONG = f"has more than {MAX_SEARCHED} characters, too many for a pattern that looks on behind its matches"

_SPACES = re.compile(r"\s+")
_NAMED = re.compile(r"\\p\{[^}]*\}|\\x\{[^}]*\}|\\.|\[\^?\]?(?:\\.|\[:[^]]*:\]|[^]\\])*\]", re.DOTALL)
"""One character as a pattern names it by several: an escape, or a class."""
_ENDLESS = re.compile(r"[*+]|\{\d+,\}")
_NEAR = re.compile(r"[^*+?(){}|](?:\{\d+(?:,\d+)?\}|\??)")
_REFERENCE = re.compile(r"\\([0-9\\])")


def pattern_of(text: str) -> Any:
    """Return a pattern of the linear-time engine RE2. Raises PlanError that says what is wrong with it."""
    import re2  # a part of this package's dependencies that most plans do without

    if len(text) > MAX_PATTERN:
        raise PlanError(f"the pattern has {len(text)} characters; at most {MAX_PATTERN} are allowed")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0] if error.args else error
        words = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise PlanError(f"the pattern is none of RE2: {words}") from None


def looks_far(pattern: str) -> bool:
    r"""Say whether a search may read on behind the end of what it finds, as far as the text goes.

    Each search takes time in proportion to what it reads. One that ends where its match does makes replacing linear;
    `a(.*b)?` finds an `a` only after it has looked for a `b` in all of the rest.

    >>> [looks_far(pattern) for pattern in (r"\s+", "[0-9]{4}|,+", "a(.*b)?", r"\d+ km")]
    [False, False, True, True]
    """
    plain = _NAMED.sub("c", pattern)
    if not _ENDLESS.search(plain):
        return False
    return not all(re.fullmatch(rf"(?:{_NEAR.pattern})*(?:[^*+?(){{}}|][*+])?", part) for part in plain.split("|"))


def replacer(pattern: str, replacement: str) -> TextFunction:
    r"""Return the function that replaces what matches; `\0` … `\9` are groups, `\\` is a backslash. Raises PlanError.

    >>> replacer(r"(\d+) km", r"\1000 m")("12 km, 3 km")
    '12000 m, 3000 m'
    """
    compiled = pattern_of(pattern)
    if len(replacement) > MAX_PATTERN:
        raise PlanError(f"the replacement has {len(replacement)} characters; at most {MAX_PATTERN} are allowed")
    split = enumerate(_REFERENCE.split(replacement))
    parts = [int(part) if index % 2 and part != "\\" else part.encode() for index, part in split]
    missing = [part for part in parts if isinstance(part, int) and part > compiled.groups]
    if missing:
        raise PlanError(f"the replacement names group {missing[0]}; the pattern has {compiled.groups}")

    def run(text: str) -> str:
        # on bytes: for texts the engine's wrapper counts characters anew at every match
        data, pieces, end, last = text.encode(), [], 0, -1
        for match in compiled.finditer(data):
            start, stop = match.span()
            if start == stop and (start == last or (start < len(data) and data[start] & 0xC0 == 0x80)):
                continue  # nothing, directly after another match or between the bytes of one character
            last = stop
            pieces.append(data[end:start])
            pieces += [part if isinstance(part, bytes) else match.group(part) or b"" for part in parts]
            end = stop
        return b"".join([*pieces, data[end:]]).decode(errors="replace") if pieces else text

    return run


class _Kept(dict[int, int | None]):
    """Which code points remain: letters and their marks, digits and other numbers, whitespace."""

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        kept = unicodedata.category(character)[0] in "LMN" or character.isspace()
        self[code] = code if kept else None
        return self[code]


def _function(step: Sequence[str]) -> TextFunction:
    kind, arguments = step[0], step[1:]
    if kind not in get_args(TextStep) or len(arguments) != (2 if kind == "replace" else 0):
        raise PlanError(f"text_clean: step {list(step)!r}")
    if kind == "replace":
        return replacer(*arguments)
    if kind == "remove_special":
        table = _Kept()
        return lambda text: text.translate(table)
    if kind == "collapse_whitespace":
        return lambda text: _SPACES.sub(" ", text)
    plain_steps: dict[str, TextFunction] = {
        "trim": str.strip, "lower": str.lower, "upper": str.upper, "title": str.title,
    }  # fmt: skip
    return plain_steps[kind]


def cleaner(steps: Iterable[Sequence[str]]) -> TextFunction:
    """Return the function that does the steps, one after the other. Raises PlanError.

    >>> cleaner([("remove_special",), ("collapse_whitespace",), ("trim",), ("title",)])("  łódź --  (centre) ")
    'Łódź Centre'
    """
    functions = [_function(step) for step in steps]

    def run(text: str) -> str:
        for function in functions:
            text = function(text)
        return text

    return run


def folded(text: str) -> str:
    """Return a text as spellings are compared: without case, full stops after letters, repeated or outer whitespace.

    >>> folded(" U.S.  of A. "), folded("1.5")
    ('us of a', '1.5')
    """
    if "." in text:
        text = "".join(c for before, c in zip(" " + text, text, strict=False) if c != "." or not before.isalpha())
    return " ".join(text.split()).casefold()


def map_texts(column: NDArray[Any], function: Callable[[str], str | None]) -> NDArray[Any]:
    """Return a column of texts after a function; each different text is worked on once, nulls stay."""
    known: dict[str | None, str | None] = {None: None}
    values = plain(column)
    for value in values:
        if value not in known:
            known[value] = function(value)
    found = np.empty(len(values), object)
    found[:] = [known[value] for value in values]
    return found


def _map_rows(names: tuple[str, ...], function: Callable[[str], str | None]) -> RowFunction:
    def run(values: Row) -> None:
        for name in names:
            value = values[name]
            if value is not None and value == value:
                values[name] = function(value)

    return run


@operation
@dataclass(frozen=True)
class TextClean(Op):
    """Do the steps on each text, in order; with `empty` `null` a text without characters becomes null.

    A step is a list: its name, and for `replace` the pattern (RE2) and the replacement. Nulls stay null.
    """

    op: ClassVar[str] = "text_clean"
    parallel: ClassVar[tuple[str, ...]] = ("columns",)
    columns: tuple[str, ...]
    steps: tuple[tuple[str, ...], ...]
    empty: Literal["keep", "null"] = "keep"

    def __post_init__(self) -> None:
        if self.empty not in ("keep", "null"):
            raise ValueError(f"text_clean: empty {self.empty!r}")

    def longest(self) -> int | None:
        """Return how many characters a text may have at most; None: any number."""
        far = any(step[0] == "replace" and looks_far(step[1]) for step in self.steps)
        return MAX_SEARCHED if far else None

    def function(self) -> Callable[[str], str | None]:
        """Return the function of one text."""
        clean = cleaner(self.steps)
        return clean if self.empty == "keep" else lambda text: clean(text) or None

    def row_function(self) -> RowFunction:
        """Clean one row."""
        clean, longest = _map_rows(self.columns, self.function()), self.longest()
        if longest is None:
            return clean

        def run(values: Row) -> None:
            problems = [_too_long(0, name) for name in self.columns if _is_longer(values[name], longest)]
            if problems:
                raise OpError(problems)
            clean(values)

        return run

    def batch(self, columns: Columns) -> None:
        """Clean columns."""
        function, longest = self.function(), self.longest()
        if longest is not None:
            found = [(name, enumerate(columns[name].tolist())) for name in self.columns]
            problems = [_too_long(i, name) for name, texts in found for i, text in texts if _is_longer(text, longest)]
            if problems:
                raise OpError(problems)
        for name in self.columns:
            columns[name] = map_texts(columns[name], function)


def _is_longer(text: object, longest: int) -> bool:
    return isinstance(text, str) and len(text) > longest


def _too_long(row: int, name: str) -> ValueProblem:
    return ValueProblem(row, name, TOO_LONG, "text_too_long")


@operation
@dataclass(frozen=True)
class Alias(Op):
    """Replace each spelling by the value stored for it; spellings are compared as `folded` writes them.

    A text that is none of them stays (`keep`) or becomes null (`null`). Nulls stay null.
    """

    op: ClassVar[str] = "alias"
    parallel: ClassVar[tuple[str, ...]] = ("columns",)
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    values: tuple[str, ...]
    unknown: Literal["keep", "null"] = "keep"

    def __post_init__(self) -> None:
        same_length("alias", keys=self.keys, values=self.values)
        if self.unknown not in ("keep", "null"):
            raise ValueError(f"alias: unknown {self.unknown!r}")

    def function(self) -> Callable[[str], str | None]:
        """Return the function of one text."""
        table, keep = {folded(key): value for key, value in zip(self.keys, self.values, strict=True)}, self.unknown
        if keep == "keep":
            return lambda text: table.get(folded(text), text)
        return lambda text: table.get(folded(text))

    def row_function(self) -> RowFunction:
        """Replace in one row."""
        return _map_rows(self.columns, self.function())

    def batch(self, columns: Columns) -> None:
        """Replace in columns."""
        function = self.function()
        for name in self.columns:
            columns[name] = map_texts(columns[name], function)
