"""What is wrong in a configuration is said with what was meant and what there is, for every field of every node."""

import json

import pytest
from bad_input import LIBRARIES, entries, subject, works_or_says_why
from skyulf_core import CoreError, InvalidConfigError, NodeRegistry, validate_config
from skyulf_core.problems import did_you_mean

NODES = [entry.name for entry in entries()]
STRANGE = [
    None, True, -1, 0, 3, 2**62, 10**40, 0.5, float("nan"), float("inf"), -1e308, "", "x", "é\x00" * 50, "x" * 5000, [],
    [[]], ["number", "number"], ["no such column"], [None], {}, {"number": None}, {"no such column": {}}, {"": ""},
]  # fmt: skip


def placed(entry, config):
    """Return the pipeline of a configuration, and the pointer to it."""
    found = subject(entry, config)
    steps = found.config.get("nodes") or found.config["steps"]
    if entry.is_model:
        return found, "/model/config"
    return found, f"/{'nodes' if 'nodes' in found.config else 'steps'}/{len(steps) - 1}/config"


def problem_at(entry, config, pointer):
    """Return the problem at a place in a node's configuration."""
    found, base = placed(entry, config)
    problems = {problem.pointer: problem for problem in validate_config(found.config).problems}
    assert base + pointer in problems, (base + pointer, [str(problem) for problem in problems.values()])
    problem = problems[base + pointer]
    assert problem.node == entry.name
    assert problem.field == pointer.split("/")[1]
    return problem


def parts(schema, node, path=()):
    """Yield every part of a JSON Schema, with its path: names of fields, `*` for any key, 0 for any item."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    yield path, node
    for kind in ("anyOf", "oneOf", "allOf"):
        for choice in node.get(kind, []):
            yield from parts(schema, choice, path)
    for name, inner in node.get("properties", {}).items():
        yield from parts(schema, inner, (*path, name))
    for key, step in (("items", 0), ("additionalProperties", "*")):
        if isinstance(node.get(key), dict):
            yield from parts(schema, node[key], (*path, step))


def all_parts(entry):
    schema = entry.config_model.model_json_schema()
    return list(parts(schema, schema))


def with_value(config, path, value):
    """Return a copy of a configuration with a value at a path, and the pointer to it."""
    config = json.loads(json.dumps(config))
    inner, pointer = config, ""
    for step, following in zip(path, [*path[1:], None], strict=True):
        key = "number" if step == "*" else step
        empty = [] if following == 0 else {}
        pointer += f"/{key}"
        if following is None:
            if isinstance(inner, list):
                inner[:] = [value]
            else:
                inner[key] = value
        elif isinstance(inner, list):
            inner[:] = inner[:1] or [empty]
            inner = inner[0]
        else:
            if not isinstance(inner.get(key), type(empty)):
                inner[key] = empty
            inner = inner[key]
    return config, pointer


def misspelt(word):
    return f"{word[:-2]}{word[-1]}{word[-2]}" if len(word) > 3 and word[-1] != word[-2] else f"{word}x"


@pytest.mark.parametrize("name", NODES)
def test_an_unknown_key_says_what_was_meant_and_what_there_is(name):
    entry = NodeRegistry.get(name)
    for path, part in all_parts(entry):
        fields = list(part.get("properties", {}))
        for key in [*map(misspelt, fields), "zzzzzz"] if fields else []:
            config, pointer = with_value(entry.calculator.examples[0], (*path, key), 1)
            problem = problem_at(entry, config, pointer)

            assert problem.code == "unknown-param"
            assert repr(key) in problem.message
            assert all(field in problem.suggestion for field in fields)
            if key != "zzzzzz" and len(key) > 4:
                assert "Did you mean '" in problem.suggestion


@pytest.mark.parametrize("name", NODES)
def test_an_unknown_choice_says_what_was_meant_and_what_there_is(name):
    entry = NodeRegistry.get(name)
    for path, part in all_parts(entry):
        for word in part.get("enum", [part["const"]] if "const" in part else []):
            wrong = misspelt(word) if isinstance(word, str) else word + 17
            config, pointer = with_value(entry.calculator.examples[0], path, wrong)
            problem = problem_at(entry, config, pointer)

            text = f"{problem.message} {problem.suggestion}"
            assert all(str(choice) in text for choice in part.get("enum", [word])), text
            if isinstance(word, str) and did_you_mean(wrong, [word]):
                assert "Did you mean" in text


@pytest.mark.parametrize("name", NODES)
def test_a_value_of_any_kind_works_or_is_refused_in_a_sentence(name):
    entry = NodeRegistry.get(name)
    for field in entry.config_model.model_fields:
        for value in STRANGE:
            config = {**entry.calculator.examples[0], field: value}
            found, _ = placed(entry, config)
            problems = validate_config(found.config).problems
            text = str(InvalidConfigError(problems))

            assert all(problem.message and problem.node for problem in problems)
            assert len(text) < 30_000
            assert not LIBRARIES.search(text), text
            if not problems and field not in ("target", "path"):
                works_or_says_why(found, found.frame.head(20))


@pytest.mark.parametrize("name", NODES)
def test_a_missing_column_names_the_node_and_the_columns_there_are(name):
    entry = NodeRegistry.get(name)
    for example in entry.calculator.examples:
        found = subject(entry, dict(example))
        named = [column for _, column in entry.config_model.model_validate(dict(example)).named_columns()]
        for column in dict.fromkeys(named):
            others = found.frame.rename({column: f"{column}s"})
            with pytest.raises(InvalidConfigError) as caught:
                found.pipeline().fit(others)

            assert name in str(caught.value)
            assert f"'{column}'" in str(caught.value)
            assert "The columns are: '" in str(caught.value)
            if len(column) > 4:
                assert f"Did you mean '{column}s'?" in str(caught.value)


@pytest.mark.parametrize("name", NODES)
def test_new_rows_without_a_column_are_refused_with_those_there_are(name):
    entry = NodeRegistry.get(name)
    found = subject(entry, dict(entry.calculator.examples[0]))
    if "sources" in found.config:
        return
    pipeline = found.pipeline().fit(found.frame)
    for column in set(pipeline.fitted.input_schema.names) - pipeline.fitted.optional_columns():
        with pytest.raises(CoreError, match=f"missing columns: '{column}'; the columns are: '"):
            pipeline.transform(found.frame.drop(column))
