"""The grammar of expressions: a Pratt parser from text to the trees of the serving operation `compute`.

Weakest first: `or`, `and`, `not`, comparisons (which do not chain), `+ -`, `* / %`, unary minus, `**`. Values are
numbers, texts in single or double quotes, `true`, `false`, `null`, columns (bare or in backticks) and calls.
"""

from __future__ import annotations

from typing import NamedTuple

from skyulf_core.nodes.features.tokens import ExpressionSyntaxError, Token, tokens
from skyulf_core.problems import did_you_mean
from skyulf_core.serving.ops.expressions import FUNCTIONS, MAX_DEPTH, Tree, check_kinds

MAX_NODES = 500
CALLS = (
    "abs", "cbrt", "ceil", "coalesce", "concat", "cos", "exp", "floor", "if", "is_null", "length", "log", "log1p",
    "lower", "max", "min", "mod", "pow", "round", "sin", "sqrt", "upper",
)  # fmt: skip
"""Functions that are called by name; the others are written as signs and words."""

# sign or word: (function, how strongly it binds, how strongly its right side must)
_BETWEEN = {
    "or": ("or", 10, 11), "and": ("and", 20, 21),
    "==": ("eq", 40, 41), "!=": ("ne", 40, 41), "<": ("lt", 40, 41), "<=": ("le", 40, 41), ">": ("gt", 40, 41),
    ">=": ("ge", 40, 41),
    "+": ("add", 50, 51), "-": ("sub", 50, 51), "*": ("mul", 60, 61), "/": ("div", 60, 61), "%": ("mod", 60, 61),
    "**": ("pow", 80, 70),
}  # fmt: skip
_NOT, _COMPARISON, _MINUS = 30, 40, 70
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_DECIMALS = 15


def parse(text: str) -> Tree:
    """Return the tree of an expression.

    Raises ExpressionSyntaxError, which names the position and what was expected there.

    >>> parse("if(fare > 10, log1p(fare), 0)")
    ('if', ('gt', ('col', 'fare'), ('lit', 10.0)), ('log1p', ('col', 'fare')), ('lit', 0.0))
    >>> parse("fare + sqr(age)")
    Traceback (most recent call last):
    skyulf_core.nodes.features.tokens.ExpressionSyntaxError: position 8: unknown function 'sqr'. Did you mean 'sqrt'?
    """
    return _Parser(text).whole()


class _Node(NamedTuple):
    tree: Tree
    depth: int


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(tokens(text))
        self._at = 0
        self._open = 0
        self._nodes = 0

    def whole(self) -> Tree:
        """Read the whole text."""
        node = self._expression(0)
        if self._peek().kind != "end":
            raise self._expected("an operator or the end")
        return node.tree

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def _expected(self, what: str) -> ExpressionSyntaxError:
        return ExpressionSyntaxError(self._peek().position, f"expected {what}, found {self._peek()}")

    def _is(self, text: str) -> bool:
        token = self._peek()
        return token.kind in ("sign", "word") and token.text == text

    def _require(self, sign: str, what: str) -> None:
        if not self._is(sign):
            raise self._expected(what)
        self._take()

    def _expression(self, binding: int) -> _Node:
        """Read operators that bind more strongly than `binding`, with what stands between them."""
        self._open += 1
        if self._open > MAX_DEPTH:
            raise ExpressionSyntaxError(self._peek().position, f"nested more than {MAX_DEPTH} levels deep")
        left = self._prefix()
        while (found := self._between(binding)) is not None:
            token = self._take()
            head, strength, right_binding = found
            left = self._make(head, [left, self._expression(right_binding - 1)], token)
            if strength == _COMPARISON and self._compares():
                raise ExpressionSyntaxError(self._peek().position, "comparisons do not chain; join them with 'and'")
        self._open -= 1
        return left

    def _between(self, binding: int) -> tuple[str, int, int] | None:
        token = self._peek()
        found = _BETWEEN.get(token.text) if token.kind in ("sign", "word") else None
        return found if found is not None and found[1] > binding else None

    def _compares(self) -> bool:
        token = self._peek()
        return token.kind == "sign" and _BETWEEN.get(token.text, ("", 0, 0))[1] == _COMPARISON

    def _prefix(self) -> _Node:
        token = self._take()
        if token.kind == "number":
            return self._leaf("lit", float(token.text), token)
        if token.kind == "text":
            return self._leaf("lit", token.text, token)
        if token.kind == "column" or (token.kind == "name" and not self._is("(")):
            return self._leaf("col", token.text, token)
        if token.kind == "name":
            return self._call(token)
        if token.text in _WORDS and token.kind == "word":
            return self._leaf("lit", _WORDS[token.text], token)
        if token.text == "not" and token.kind == "word":
            return self._make("not", [self._expression(_NOT)], token)
        if token.text in ("-", "+") and token.kind == "sign":
            inner = self._expression(_MINUS)
            return self._make("neg", [inner], token) if token.text == "-" else inner
        if token.text == "(" and token.kind == "sign":
            inner = self._expression(0)
            self._require(")", "')' or an operator")
            return inner
        raise ExpressionSyntaxError(token.position, f"expected a value, found {token}")

    def _call(self, name: Token) -> _Node:
        if name.text not in CALLS:
            hint = did_you_mean(name.text, CALLS) or f"Known: {', '.join(CALLS)}."
            raise ExpressionSyntaxError(name.position, f"unknown function {name.text!r}. {hint}")
        self._take()
        arguments: list[_Node] = []
        while not self._is(")"):
            if arguments:
                self._require(",", "',' or ')'")
            arguments.append(self._expression(0))
        self._take()
        return self._rounded(arguments, name) if name.text == "round" else self._make(name.text, arguments, name)

    def _rounded(self, arguments: list[_Node], name: Token) -> _Node:
        """Write `round(x, 2)` as `round(x * 100) / 100`."""
        if len(arguments) != 2:
            return self._make("round", arguments, name)
        decimals = arguments[1].tree[1] if arguments[1].tree[0] == "lit" else None
        if not isinstance(decimals, float) or decimals not in range(_DECIMALS + 1):
            message = f"round takes a whole number from 0 to {_DECIMALS} as its second argument"
            raise ExpressionSyntaxError(name.position, message)
        scale = self._leaf("lit", 10.0**decimals, name)
        rounded = self._make("round", [self._make("mul", [arguments[0], scale], name)], name)
        return self._make("div", [rounded, scale], name)

    def _leaf(self, head: str, value: object, token: Token) -> _Node:
        return self._counted((head, value), 1, token)

    def _make(self, head: str, arguments: list[_Node], token: Token) -> _Node:
        signature = FUNCTIONS[head]
        if not signature.least <= len(arguments) <= signature.most:
            wanted = str(signature.least) if signature.least == signature.most else f"{signature.least} or more"
            noun = "argument" if wanted == "1" else "arguments"
            raise ExpressionSyntaxError(token.position, f"{head} takes {wanted} {noun}, not {len(arguments)}")
        tree = (head, *(argument.tree for argument in arguments))
        try:
            check_kinds(tree, signature)
        except ValueError as error:
            raise ExpressionSyntaxError(token.position, str(error)) from error
        return self._counted(tree, 1 + max(argument.depth for argument in arguments), token)

    def _counted(self, tree: Tree, depth: int, token: Token) -> _Node:
        self._nodes += 1
        if depth > MAX_DEPTH:
            raise ExpressionSyntaxError(token.position, f"nested more than {MAX_DEPTH} levels deep")
        if self._nodes > MAX_NODES:
            raise ExpressionSyntaxError(token.position, f"an expression has {MAX_NODES} values and functions at most")
        return _Node(tree, depth)
