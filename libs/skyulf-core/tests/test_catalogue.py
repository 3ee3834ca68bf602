"""The catalogue of nodes: parameters in words, search, and the command."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field
from skyulf_core import NodeConfig, NodeRegistry
from skyulf_core.catalogue import matches, node, nodes, parameters_of
from skyulf_core.catalogue.command import main
from skyulf_core.catalogue.tables import table


class Rule(BaseModel):
    column: str = Field(title="Column", description="Which.", min_length=1)
    low: Annotated[float, Field(gt=0, lt=1)] | None = Field(None, title="Low", description="From where.")


class EveryKindConfig(NodeConfig):
    size: int | Annotated[float, Field(gt=0, lt=1)] = Field(0.5, title="Size", description="How many.")
    how: Literal["a", "b"] = Field("a", title="How", description="By which rule.")
    pair: tuple[int, int] = Field((1, 2), title="Pair", description="Two.")
    names: list[str] = Field(default_factory=list, min_length=1, max_length=3, title="Names", description="Some.")
    rules: list[Rule] = Field(default_factory=list, title="Rules", description="Each.")
    by_name: dict[str, Rule] = Field(default_factory=dict, title="By name", description="Each.")
    one: Rule | None = Field(
        None, title="One", description="One.", json_schema_extra={"x-visible-if": {"how": ["a", "b"]}}
    )
    flag: Literal[True, "auto"] = Field("auto", title="Flag", description="Whether.")
    anything: object = Field(None, title="Anything", description="All.")


def rows() -> dict[str, tuple[str, str, str, str]]:
    found = parameters_of(EveryKindConfig.model_json_schema())
    return {row.name: (row.type, row.default, row.allowed, row.only_when) for row in found}


def test_a_schema_becomes_rows() -> None:
    assert rows() == {
        "size": ("integer or number", "0.5", "number: > 0, < 1", ""),
        "how": ("text", '"a"', '"a", "b"', ""),
        "pair": ("[integer, integer]", "[1, 2]", "2 items", ""),
        "names": ("list of text", "[]", "1 to 3 items", ""),
        "rules": ("list of object", "[]", "", ""),
        "rules[].column": ("text", "required", "at least 1 letter", ""),
        "rules[].low": ("number or null", "null", "> 0, < 1", ""),
        "by_name": ("object: name to object", "{}", "", ""),
        "by_name{}.column": ("text", "required", "at least 1 letter", ""),
        "by_name{}.low": ("number or null", "null", "> 0, < 1", ""),
        "one": ("object or null", "null", "", 'how is "a" or "b"'),
        "one.column": ("text", "required", "at least 1 letter", ""),
        "one.low": ("number or null", "null", "> 0, < 1", ""),
        "flag": ("boolean or text", '"auto"', 'true, "auto"', ""),
        "anything": ("any value", "null", "", ""),
    }


@pytest.mark.parametrize("name", NodeRegistry.names())
def test_every_parameter_of_every_node_can_be_said(name: str) -> None:
    info = NodeRegistry.get(name).info()
    found = parameters_of(info.json_schema)
    properties = info.json_schema.get("properties", {})

    assert set(properties) <= {row.name for row in found}
    assert all(row.help for row in found)
    assert [row.name for row in found if row.type == "any value"] == []


def test_nodes_are_found_by_all_of_the_words() -> None:
    info = NodeRegistry.get("OneHotEncoder").info()

    assert matches(info, "ENCODING  dummy")
    assert not matches(info, "encoding imputation")


def test_entries_are_json() -> None:
    assert {each["name"] for each in nodes()} == set(NodeRegistry.names())
    assert json.loads(json.dumps(node("StandardScaler")))["operations"] == ["affine"]


@pytest.mark.parametrize("width", [40, 80, 160])
def test_a_table_keeps_to_its_width(width: int) -> None:
    long = "word " * 30

    lines = list(table(["Name", "A", "Nothing", "B"], [["n", long, "", long], ["m", "x", "", "y"]], width=width))

    assert max(map(len, lines)) <= width
    assert "Nothing" not in lines[0]
    assert " ".join(lines).count("word") == 60


def command(*arguments: str) -> Sequence[str]:
    done = subprocess.run([sys.executable, "-m", "skyulf_core", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_command_shows_what_there_is() -> None:
    shown = command("nodes", "show", "TrainTestSplit")

    assert shown[0].startswith("TrainTestSplit: ")
    assert any(line.startswith("target") and "required" in line for line in shown)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_the_command_answers_an_output_that_knows_few_letters(encoding: str) -> None:
    def answer(*arguments: str) -> str:
        call = [sys.executable, "-m", "skyulf_core", "nodes", *arguments]
        done = subprocess.run(call, capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": encoding})
        return done.stdout.decode(encoding)

    assert answer("list").splitlines()[1].startswith("-----")
    assert "OneHotEncoder" in {each["name"] for each in json.loads(answer("list", "--json"))}


def test_the_command_answers_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nodes", "list", "--family", "scaling"]) == 0
    assert "StandardScaler" in capsys.readouterr().out
    assert main(["nodes", "search", "one-hot", "--json"]) == 0
    assert "OneHotEncoder" in [each["name"] for each in json.loads(capsys.readouterr().out)]
    assert main(["nodes", "show", "OneHotEncodr"]) == 1
    assert "Did you mean 'OneHotEncoder'?" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        main(["nodes", "fly"])
    assert end.value.code == 2
