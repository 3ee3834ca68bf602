"""The grammar of expressions: what it reads, what it refuses and how; and its three ways of computing agree."""

import itertools
import json
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from skyulf_core import DataError, NodeRegistry, Schema
from skyulf_core.nodes.features.computed import with_computed
from skyulf_core.nodes.features.grammar import CALLS, MAX_NODES, parse
from skyulf_core.nodes.features.tokens import MAX_LENGTH, ExpressionSyntaxError
from skyulf_core.schema import ColumnSchema
from skyulf_core.serving.ops import Compute, Op, PlanError
from skyulf_core.serving.ops.expressions import FUNCTIONS, MAX_DEPTH, kind_of
from skyulf_core.testing.compare import same_value
from skyulf_core.testing.plans import columns_of, rows_of, run_columns, run_rows

A, B, C = ("col", "a"), ("col", "b"), ("col", "c")


def number(value):
    return ("lit", float(value))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("1 + 2 * 3", ("add", number(1), ("mul", number(2), number(3)))),
        ("a - b - c", ("sub", ("sub", A, B), C)),
        ("-a ** 2", ("neg", ("pow", A, number(2)))),
        ("2 ** -a", ("pow", number(2), ("neg", A))),
        ("a ** b ** c", ("pow", A, ("pow", B, C))),
        ("not a and b or c", ("or", ("and", ("not", A), B), C)),
        ("not a == b", ("not", ("eq", A, B))),
        ("a < b + 1", ("lt", A, ("add", B, number(1)))),
        ("(a < b) == true", ("eq", ("lt", A, B), ("lit", True))),
        ("if(a >= 1, 'it''s', \"x\")", ("if", ("ge", A, number(1)), ("lit", "it's"), ("lit", "x"))),
        ("`a name` % .5e1", ("mod", ("col", "a name"), number(5))),
        ("`odd``name` + größe", ("add", ("col", "odd`name"), ("col", "größe"))),
        ("coalesce(a, null, b)", ("coalesce", A, ("lit", None), B)),
        ("round(a)", ("round", A)),
        ("round(a, 2)", ("div", ("round", ("mul", A, number(100))), number(100))),
        ("length + if", ("add", ("col", "length"), ("col", "if"))),
    ],
)
def test_the_grammar_reads(text, tree):
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "position 1: expected a value, found the end"),
        ("a +", "position 4: expected a value, found the end"),
        ("a b", "position 3: expected an operator or the end, found 'b'"),
        ("(a + b", r"position 7: expected '\)' or an operator, found the end"),
        ("max(a b)", r"position 7: expected ',' or '\)', found 'b'"),
        ("max(a,)", r"position 7: expected a value, found '\)'"),
        ("a < b < c", "position 7: comparisons do not chain; join them with 'and'"),
        ("a = b", "position 3: '=' has no meaning here; two values are compared with '=='"),
        ("a && b", "position 3: '&' has no meaning here; use 'and'"),
        ("sqr(a)", "position 1: unknown function 'sqr'. Did you mean 'sqrt'?"),
        ("a + zzzzzz(a)", "position 5: unknown function 'zzzzzz'. Known: abs, cbrt"),
        ("log(a, b)", "position 1: log takes 1 argument, not 2"),
        ("min(a)", "position 1: min takes 2 or more arguments, not 1"),
        ("round(a, b)", "position 1: round takes a whole number from 0 to 15"),
        ("a + 'x'", "position 3: add works on numbers, not on texts"),
        ("upper(1)", "position 1: upper works on texts, not on numbers"),
        ("'abc", "position 1: the quote ' is never closed"),
        ("``", "position 1: expected a name between the backticks"),
        ("1e999", "position 1: the number is too large"),
        ("2x", "position 2: 'x' follows the number 2 directly"),
        ("a.b", "position 2: '.' has no meaning here; a name with dots is written in backticks"),
        ("__import__('os')", "position 1: unknown function '__import__'"),
        ("(" * 100 + "a" + ")" * 100, "nested more than 60 levels deep"),
        ("-" * 1000 + "a", "nested more than 60 levels deep"),
        ("not " * 400 + "a", "nested more than 60 levels deep"),
        ("a**" * 500 + "a", "nested more than 60 levels deep"),
        ("a+" * 500 + "a", "nested more than 60 levels deep"),
        ("max(" + ",".join("a" * (MAX_NODES + 1)) + ")", "500 values and functions at most"),
        ("a" * (MAX_LENGTH + 1), "position 2001: an expression has 2000 characters at most"),
    ],
)
def test_an_error_names_the_position_and_what_was_expected(text, message):
    with pytest.raises(ExpressionSyntaxError, match=message.replace("?", r"\?").replace("+", r"\+")):
        parse(text)


WORDS = [
    *CALLS,
    "and",
    "or",
    "not",
    "true",
    "null",
    "a",
    "`b c`",
    "'x'",
    "1",
    "2.5",
    "(",
    ")",
    ",",
    "+",
    "-",
    "**",
    "<=",
    "==",
]


@given(st.text(max_size=60) | st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join))
def test_no_text_breaks_the_parser(text):
    try:
        tree = parse(text)
    except ExpressionSyntaxError:
        return
    Compute(("x",), (tree,))


def trees(kind, depth):
    """Return trees of a kind (`number` with booleans among them, or `text`) on the columns of `frames`."""
    if kind == "text":
        leaf = st.sampled_from([("col", "t"), ("col", "u"), ("lit", "a"), ("lit", "ǅ"), ("lit", None)])
    else:
        values = st.sampled_from([0, 1, -1, 2.5, 3, 1e300, 7, True, False, None])
        leaf = st.sampled_from([("col", "f"), ("col", "i"), ("col", "b")]) | values.map(lambda value: ("lit", value))
    if depth == 0:
        return leaf
    fitting = [name for name, s in FUNCTIONS.items() if s.gives == "same" or (s.gives == "text") == (kind == "text")]
    return leaf | st.sampled_from(fitting).flatmap(lambda name: calls(name, kind, depth - 1))


def calls(name, kind, depth):
    signature = FUNCTIONS[name]
    if name == "if":
        return st.tuples(st.just(name), trees("number", depth), trees(kind, depth), trees(kind, depth))
    either = st.sampled_from(["number", "text"])
    takes = {"number": st.just("number"), "boolean": st.just("number"), "text": st.just("text"), "any": either}
    taken = takes.get(signature.takes, st.just(kind) if signature.gives == "same" else either)
    most = min(signature.most, signature.least + 1)
    return taken.flatmap(
        lambda one: st.lists(trees(one, depth), min_size=signature.least, max_size=most).map(lambda a: (name, *a))
    )


COLUMNS = {
    "f": (pl.Float64, st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0, 0.5, 49.0, 1e200, -1e308])),
    "i": (pl.Int64, st.integers(-(2**53), 2**53) | st.integers(-3, 50)),
    "b": (pl.Boolean, st.booleans()),
    "t": (pl.String, st.sampled_from(["", "a", "B", "ß", "ΑΣ", "ǅ"]) | st.text(max_size=3)),
    "u": (pl.String, st.text(max_size=2)),
}


@st.composite
def frames(draw):
    rows = draw(st.integers(1, 5))
    values = {n: draw(st.lists(st.none() | v, min_size=rows, max_size=rows)) for n, (_, v) in COLUMNS.items()}
    return pl.DataFrame(values, schema={name: dtype for name, (dtype, _) in COLUMNS.items()})


@given(trees("number", 4) | trees("text", 3), frames())
def test_row_batch_and_frame_agree(tree, data):
    op = Op.from_dict(json.loads(json.dumps(Compute(("x", "y"), (tree, ("is_null", tree))).to_dict())))
    rows, columns = rows_of(data), columns_of(data)

    for row in rows:
        op.row(row)
    op.batch(columns)
    frame = with_computed(data.lazy(), ["x", "y"], [tree, ("is_null", tree)]).collect()

    assert frame.columns == [*data.columns, "x", "y"]
    for name in ("x", "y"):
        found = [row[name] for row in rows]
        assert found == [None if v is None or v != v else v for v in columns[name].tolist()]
        assert frame[name].to_list() == found


LITERALS = {"number": [("lit", None), ("lit", 2.5), ("lit", True)], "text": [("lit", None), ("lit", "a")]}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_literal_in_any_place_is_as_long_as_the_columns(name):
    signature = FUNCTIONS[name]
    data = pl.DataFrame({"f": [0.5, None, -3.7, 49.0], "i": [1, 2, None, None], "t": ["", "a", None, "B"]})
    kinds = ["text"] if signature.takes == "text" else ["number"]
    kinds = kinds if signature.takes in ("number", "boolean", "text") else ["number", "text"]
    made = []
    for kind in kinds:
        columns = [("col", "t"), ("lower", ("col", "t"))]
        if kind == "number":
            columns = [("col", "i"), ("max", ("col", "i"), ("col", "f")), ("eq", ("col", "f"), ("lit", 0.5))]
        for column, literal in itertools.product(columns, LITERALS[kind]):
            places = [(column, literal)] * min(signature.most, 3)
            if name == "if":
                places[0] = (("lit", None), ("lit", True), ("col", "f"))
            made += [(name, *place) for place in itertools.product(*places)]
    trees = made + [(outer, ("lit", None), tree) for tree in made[:9] for outer in ("eq", "coalesce")]

    for rows in (data, data[:1], data[1:3]):
        found = with_computed(rows.lazy(), [f"x{n}" for n in range(len(trees))], trees).collect()
        for n, tree in enumerate(trees):
            assert found[f"x{n}"].to_list() == [row["x"] for row in run_rows([Compute(("x",), (tree,))], rows)], tree


def test_division_is_exact_on_one_row_and_on_many():
    tree = ("floor", ("div", ("col", "x"), ("lit", 49.0)))
    data = pl.DataFrame({"x": [float(x) for x in range(-500, 500)]})
    wanted = [math.floor(x / 49.0) for x in data["x"]]

    assert with_computed(data.lazy(), ["y"], [tree]).collect()["y"].to_list() == wanted
    for i in range(0, 1000, 49):
        assert with_computed(data[i : i + 1].lazy(), ["y"], [tree]).collect()["y"][0] == wanted[i]


def test_a_deep_expression_does_not_double_at_every_level():
    tree = ("col", "x")
    for _ in range(MAX_DEPTH // 2 - 1):
        tree = ("div", ("lit", 1.0), ("exp", tree))
    data = pl.DataFrame({"x": [0.5, None]})

    found = with_computed(data.lazy(), ["y"], [tree]).collect()["y"].to_list()

    row = {"x": 0.5}
    Compute(("y",), (tree,)).row(row)
    assert found == [pytest.approx(row["y"]), None]


def test_nulls_follow_the_rules():
    rules = {
        "a + 1": None, "a == a": None, "a > 0 and false": None, "is_null(a)": True, "coalesce(a, 2)": 2.0,
        "if(a > 0, 1, 2)": 2.0, "if(true, a, 2)": None, "1 / 0": None, "log(0)": None, "log(-1)": None, "0 ** -1": None,
        "(-8) ** 0.5": None, "exp(1000)": None, "1e308 * 10": None, "a ** 0": None, "min(a, 1)": None,
        "is_null(1 / 0)": True, "concat('x', null)": None, "-7 % 3": 2.0, "1 % 0": None, "round(2.5)": 2.0,
        "round(2.344, 2)": 2.34,
    }  # fmt: skip
    for text, wanted in rules.items():
        row, columns = {"a": None}, {"a": np.array([np.nan])}
        op = Compute(("x",), (parse(text),))
        op.row(row)
        op.batch(columns)
        frame = with_computed(pl.LazyFrame({"a": [None]}, schema={"a": pl.Float64}), ["x"], [parse(text)]).collect()
        assert row["x"] == wanted, text
        assert same_value(columns["x"][0], wanted), text
        assert frame["x"][0] == wanted, text


def test_an_operation_refuses_what_is_no_expression():
    for tree in (
        ("system", ("lit", "x")), ("add", ("lit", 1)), "a", (), ("col", 1), ("lit", math.inf), ("lit", (1,)),
        ("add", ("lit", "x"), ("lit", 1)),
    ):  # fmt: skip
        with pytest.raises(PlanError):
            Op.from_dict({"op": "compute", "outputs": ["x"], "expressions": [tree]})


def test_an_operation_knows_its_columns():
    op = Compute(("x", "y"), (parse("a + b"), parse("if(is_null(c), coalesce(a, 1), b)")))

    assert op.needed(frozenset({"x", "y", "z"})) == {"a", "b", "c", "z"}
    assert op.restrict(frozenset({"x"})) == Compute(("x",), (parse("a + b"),))
    assert op.restrict(frozenset({"z"})) is None
    renamed = op.renamed(lambda name: f"{name}2")
    assert renamed == Compute(("x2", "y2"), (parse("a2 + b2"), parse("if(is_null(c2), coalesce(a2, 1), b2)")))
    origins = {name: frozenset({name}) for name in "abc"}
    op.trace(origins)
    assert (origins["x"], origins["y"]) == ({"a", "b"}, {"b"})
    assert kind_of(parse("a > 1")) == "boolean"


def test_a_node_names_the_formula_that_is_wrong():
    node = NodeRegistry.get("Expression")
    schema = Schema([ColumnSchema("t", "string"), ColumnSchema("at", "datetime"), ColumnSchema("f", "float")])
    config = node.config_model(expressions={"x": "t + 1", "y/z": "at > 1", "ok": "is_null(at) or f > 1"})

    problems = node.calculator.check(schema, config)

    assert [(problem.pointer, problem.message) for problem in problems] == [
        ("/expressions/x", "add needs a number or a boolean, and column 't' is a text."),
        (
            "/expressions/y~1z",
            "gt needs a number or a boolean or a text, and column 'at' is neither a number nor a boolean nor a text.",
        ),
    ]
    inferred = node.calculator.infer_schema(schema, config)
    assert inferred.find("ok") == ColumnSchema("ok", "boolean", nullable=True)
    with pytest.raises(ValidationError, match="'x': position 4: expected a value"):
        node.config_model(expressions={"x": "1 +"})
    params = node.calculator.learn(pl.LazyFrame({"t": [1]}), node.config_model(expressions={"x": "t + 1"}))
    with pytest.raises(DataError, match="column 't' is a text"):
        node.applier.apply(pl.DataFrame({"t": ["a"]}), params)


@pytest.mark.parametrize(
    "text",
    [
        *("cbrt(x)", "x ** 2", "x ** 3", "x ** 7", "abs(x) ** 0.5", "2 ** x", "x ** (1 + 1)", "exp(x) / 3"),
        *("floor(cbrt(abs(x)))", "round(cos(cos(cbrt(x))), 2)", "exp(log1p(abs(x))) % 3", "floor(x ** 3 / 7)"),
    ],
)
def test_frames_give_the_last_bit_of_rows(text):
    # bins behind an expression have edges among the values of the frame: rows must meet them
    drawn = np.random.default_rng(0).normal(size=2_000)
    data = pl.DataFrame({"x": [None, 0.0, -0.0, *(drawn * 10).tolist(), *(drawn * 1e-3).tolist()]})
    entry = NodeRegistry.get("Expression")
    params = entry.calculator.fit(data, entry.config_model.model_validate({"expressions": {"z": text}}))

    wanted = entry.applier.apply(data, params)["z"].to_list()

    ops = entry.applier.plan(params)
    assert [row["z"] for row in run_rows(ops, data)] == wanted
    assert [None if z != z else z for z in run_columns(ops, data)["z"].tolist()] == wanted
    for start in range(40):
        few = data[start * 7 : start * 7 + 1 + start % 4]  # short frames are cut into pieces of one row
        found = with_computed(few.lazy(), ["z"], [parse(text)]).collect()["z"].to_list()
        assert found == wanted[start * 7 : start * 7 + len(few)]


def test_roots_of_cubes_are_the_same_in_frames_and_rows():
    data = pl.DataFrame({"i": [k**3 for k in range(2_000)], "k": range(2_000), "m": [k % 7 + 1 for k in range(2_000)]})
    texts = ["cbrt(i) == k", "floor(cbrt(i))", "ceil(cbrt(i))", "floor(i ** (1 / 3))", "exp(log1p(k)) % m"]
    trees = [parse(text) for text in texts]

    frame = with_computed(data.lazy(), texts, trees).collect().select(texts)

    op = Compute(tuple(texts), tuple(trees))
    assert frame.rows() == [tuple(row[text] for text in texts) for row in run_rows([op], data)]
