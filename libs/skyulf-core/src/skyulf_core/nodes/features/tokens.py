"""Expressions in words and signs: text taken apart into tokens."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple, TypeAlias

MAX_LENGTH = 2000
KEYWORDS = frozenset({"and", "or", "not", "true", "false", "null"})

_SIGNS = ("**", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "<", ">", "(", ")", ",")
_HINTS = {
    "=": "two values are compared with '=='", "&": "use 'and'", "|": "use 'or'", "!": "use 'not' or '!='",
    "^": "a power is written '**'", "[": "a name with other signs is written in backticks: `a name`",
    "{": "a name with other signs is written in backticks: `a name`", ".": "a name with dots is written in backticks",
}  # fmt: skip

TokenKind: TypeAlias = Literal["number", "text", "name", "column", "word", "sign", "end"]


class ExpressionSyntaxError(ValueError):
    """An expression cannot be read. `position` counts characters from 1."""

    def __init__(self, position: int, message: str) -> None:
        self.position = position
        super().__init__(f"position {position}: {message}")


class Token(NamedTuple):
    """One token: a number, a quoted text, a bare name, a column in backticks, a keyword, a sign, or the end."""

    kind: TokenKind
    text: str
    position: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else repr(self.text)


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of an expression, the end as the last one. Raises ExpressionSyntaxError."""
    if len(text) > MAX_LENGTH:
        raise ExpressionSyntaxError(MAX_LENGTH + 1, f"an expression has {MAX_LENGTH} characters at most")
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        token, at = _next(text, at)
        yield token
    yield Token("end", "", len(text) + 1)


def _next(text: str, at: int) -> tuple[Token, int]:
    start, sign = text[at], next((sign for sign in _SIGNS if text.startswith(sign, at)), None)
    if start in "'\"`":
        return _quoted(text, at)
    if _is_digit(start) or (start == "." and _is_digit(text[at + 1 : at + 2])):
        return _number(text, at)
    if start.isidentifier():
        end = _while(text, at, lambda sign: f"a{sign}".isidentifier())
        word = text[at:end]
        return Token("word" if word in KEYWORDS else "name", word, at + 1), end
    if sign is not None:
        return Token("sign", sign, at + 1), at + len(sign)
    hint = f"; {_HINTS[start]}" if start in _HINTS else ""
    raise ExpressionSyntaxError(at + 1, f"{start!r} has no meaning here{hint}")


def _quoted(text: str, at: int) -> tuple[Token, int]:
    """Read up to the closing quote; a doubled quote stands for itself."""
    quote, parts, start = text[at], [], at + 1
    while True:
        end = text.find(quote, start)
        if end < 0:
            raise ExpressionSyntaxError(at + 1, f"the quote {quote} is never closed")
        parts.append(text[start:end])
        if text[end + 1 : end + 2] != quote:
            break
        start = end + 2
    content = quote.join(parts)
    if quote == "`" and not content:
        raise ExpressionSyntaxError(at + 1, "expected a name between the backticks")
    return Token("column" if quote == "`" else "text", content, at + 1), end + 1


def _number(text: str, at: int) -> tuple[Token, int]:
    end = _while(text, at, _is_digit)
    if text[end : end + 1] == ".":
        end = _while(text, end + 1, _is_digit)
    if text[end : end + 1] in ("e", "E"):
        signed = end + 2 if text[end + 1 : end + 2] in ("+", "-") else end + 1
        end = _while(text, signed, _is_digit) if _is_digit(text[signed : signed + 1]) else end
    if f"a{text[end : end + 1]}".isidentifier() and end < len(text):
        raise ExpressionSyntaxError(end + 1, f"{text[end]!r} follows the number {text[at:end]} directly")
    if not math.isfinite(float(text[at:end])):
        raise ExpressionSyntaxError(at + 1, "the number is too large")
    return Token("number", text[at:end], at + 1), end


def _while(text: str, at: int, holds: Callable[[str], bool]) -> int:
    while at < len(text) and holds(text[at]):
        at += 1
    return at


def _is_digit(sign: str) -> bool:
    return len(sign) == 1 and sign in "0123456789"
