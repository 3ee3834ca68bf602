"""The pages of nodes in Markdown: prose from the docstring, tables from the JSON Schema, examples as they ran."""

from __future__ import annotations

import doctest
import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import skyulf_core
from node_examples import Example
from skyulf_core.catalogue import Parameter, parameters_of
from skyulf_core.nodes.base import Kind, ModelCalculator, Resampler
from skyulf_core.nodes.combiner import CombinerApplier
from skyulf_core.nodes.registry import NodeEntry, NodeInfo
from skyulf_core.serving.ops import Op

NOTE = "<!-- Made by `make docs` from the code; changes belong there. -->"
MOST_ROWS, MOST_COLUMNS, MOST_ITEMS, WIDEST = 12, 12, 8, 116
DIGITS = 4
KINDS = {
    Kind.STATELESS: "Learns nothing from data, so it may stand before the split.",
    Kind.LEARNED: "Learns from the training rows only; it must stand behind the split, and is refitted in every fold.",
    Kind.TARGET_AWARE: "Learns from the training rows and their target; it must stand behind the split.",
    Kind.ROW_CHANGING: "Changes the rows of the training split only; test rows and predictions keep all of theirs.",
    Kind.HISTORY: "Reads earlier rows: their order counts, and the last training rows are kept for predictions.",
    Kind.SPLITTER: "Makes the splits; there is one on every path.",
}


_LIBRARY = Path(skyulf_core.__file__).resolve().parents[1]


def page(entry: NodeEntry, example: Example, operations: Sequence[str]) -> str:
    """Return the page of one node."""
    prose, code = docstring(type(entry.calculator))
    blocks = [f"# {entry.name}", NOTE, *prose, "## Rules", *_rules(entry, example, operations)]
    blocks += ["## Parameters", parameter_table(parameters_of(entry.info().json_schema))]
    blocks += ["## Example", fenced(json.dumps(rounded(_step(entry, example)), ensure_ascii=False), "json")]
    for caption, frame in example.tables:
        blocks += [f"{caption}:", frame_table(frame)]
    if example.learned is not None:
        blocks += ["Learned:", fenced("\n".join(_object_lines(example.learned)), "json")]
    if example.plan:
        blocks += ["As operations of the [serving plan](../../architecture/serving-plan.md):", plan_json(example.plan)]
    if code:
        blocks += ["In Python:", *(fenced(each, "pycon") for each in code)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _step(entry: NodeEntry, example: Example) -> dict[str, object]:
    if not example.config:
        return {"node": entry.name}
    return {"node": entry.name, "config": {key: _elsewhere(value) for key, value in example.config.items()}}


def _elsewhere(value: object) -> object:
    """Return a value without the folder that the library happens to be in: pages are the same on every machine."""
    return value.replace(f"{_LIBRARY}/", "") if isinstance(value, str) else value


def docstring(cls: type) -> tuple[list[str], list[str]]:
    """Return a docstring's paragraphs and its examples, each as it would look in an interpreter."""
    prose: list[str] = []
    code: list[str] = []
    before: object = None
    for part in doctest.DocTestParser().parse(inspect.getdoc(cls) or ""):
        if isinstance(part, doctest.Example):
            lines = re.sub(r" *# doctest:.*", "", part.source).rstrip("\n").split("\n")
            text = "\n".join([f">>> {lines[0]}", *(f"... {line}".rstrip() for line in lines[1:])]) + "\n" + part.want
            if isinstance(before, doctest.Example):
                code[-1] += text
            else:
                code.append(text)
            before = part
        elif part.strip():
            prose += [paragraph.strip("\n") for paragraph in part.split("\n\n") if paragraph.strip()]
            before = None
        elif part:
            before = None  # a blank line between two examples begins another one
    return prose, [each.rstrip("\n") for each in code]


def _rules(entry: NodeEntry, example: Example, operations: Sequence[str]) -> list[str]:
    info = entry.info()
    lines = [f"**Kind** `{info.kind.value}`: {_kind(entry)}"]
    if isinstance(entry.calculator, ModelCalculator):
        missing = "may be missing" if entry.calculator.accepts_missing else "must not be missing"
        if type(entry.calculator).takes_missing is not ModelCalculator.takes_missing:
            missing = "may be missing where every model that it is made of takes that"
        lines.append(f"**Task** {info.task}; values of features {missing}.")
    lines.append(f"**Streams**: {'yes, it learns from rows that memory does not hold' if info.streaming else 'no'}.")
    if example.fuses is not None:
        lines.append(f"**Fuses** with its neighbours into one query: {'yes' if example.fuses else 'no'}.")
    lines.append(f"**Becomes** {_listed(operations) or _no_operation(entry)}.")
    if info.reference:
        lines.append(f"**Compared with** {info.reference}, {tolerance(info)}.")
    if info.extra:
        lines.append(f"**Needs** an extra: `pip install 'skyulf-core[{info.extra}]'`.")
    if not info.portable:
        lines.append("**Stores** a library's own format: what it learned is not portable.")
    lines.append(f"**Found by** {', '.join(info.keywords)}.")
    return ["\n".join(f"- {line}" for line in lines)]


def _kind(entry: NodeEntry) -> str:
    if isinstance(entry.calculator, Resampler):
        return "Makes another set of training rows; test rows and predictions keep all of theirs."
    return "Learns from the training rows." if entry.is_model else KINDS[entry.kind]


def _no_operation(entry: NodeEntry) -> str:
    if isinstance(entry.applier, CombinerApplier):
        return "no operation of its own: at predict, what follows it reads each column from the branch that owns it"
    return "nothing: it does not run at predict"


def tolerance(info: NodeInfo) -> str:
    """Say how near a node is to its reference."""
    return f"within {info.tolerance:g}" if info.tolerance else "to the last bit"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def parameter_table(rows: Sequence[Parameter]) -> str:
    """Return the parameters as a table; columns in which nothing is said are left out."""
    if not rows:
        return "None."
    headings = {
        "name": "Parameter",
        "type": "Type",
        "default": "Default",
        "allowed": "Allowed",
        "only_when": "Only when",
    }
    shown = [key for key in headings if key == "name" or any(getattr(row, key) for row in rows)]
    cells = [[_code(getattr(row, key), plain=key == "type") for key in shown] + [row.help] for row in rows]
    return markdown_table([*(headings[key] for key in shown), "What it is"], cells)


def _code(text: str, *, plain: bool) -> str:
    return text if plain or not text or text == "required" else f"`{text}`"


def frame_table(frame: pl.DataFrame) -> str:
    """Return a frame as a table with its types; a long or wide one is cut, and says so."""
    shown = frame[:MOST_ROWS, :MOST_COLUMNS]
    names = [f"{name} ({_dtype(dtype)})" for name, dtype in shown.schema.items()]
    text = markdown_table(names, [[value(each) for each in row] for row in shown.iter_rows()]) if names else ""
    left = [
        f"{count} more {kind}"
        for count, kind in ((frame.height - shown.height, "rows"), (frame.width - shown.width, "columns"))
        if count
    ]
    return f"{text}\n\n… {' and '.join(left)}" if left else text or "No columns."


def _dtype(dtype: pl.DataType) -> str:
    return {"String": "text", "Boolean": "boolean", "Datetime": "datetime"}.get(
        str(dtype.base_type()), str(dtype.base_type()).lower()
    )


def value(each: object) -> str:
    """Return one value of a table; null is written out, floats are rounded."""
    if each is None:
        return "null"
    if isinstance(each, bool):
        return str(each).lower()
    if isinstance(each, float):
        return str(rounded(each))
    if isinstance(each, date | datetime | time | timedelta):
        return str(each)
    return each if isinstance(each, str) and each else json.dumps(rounded(each), ensure_ascii=False, default=str)


def rounded(each: object) -> object:
    """Return a value with floats that do not tell machines apart."""
    if isinstance(each, np.ndarray | np.generic):
        each = each.tolist()
    if isinstance(each, float):
        near = float(f"{each:.{DIGITS}g}") if each == each else each
        return 0.0 if abs(near) < 1e-9 else near
    if isinstance(each, dict):
        return {str(key): rounded(item) for key, item in each.items()}
    if isinstance(each, list | tuple):
        return [rounded(item) for item in each]
    return each


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; bars and line breaks in cells are made harmless."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def plan_json(plan: Sequence[Op]) -> str:
    """Return a plan as JSON that people read: long lists are cut, and say so."""
    return fenced("\n".join(line for op in plan for line in _object_lines(op.to_dict())), "json")


def _object_lines(found: Mapping[str, object]) -> Iterator[str]:
    fields = {name: _short(rounded(each)) for name, each in found.items() if each is not None}
    whole = _dumped(fields)
    if len(whole) <= WIDEST:
        yield whole
        return
    yield "{"
    for index, (name, each) in enumerate(fields.items(), start=1):
        comma = "," if index < len(fields) else ""
        line = f"  {_dumped(name)}: {_dumped(each)}{comma}"
        if isinstance(each, list) and len(line) > WIDEST and not isinstance(each[0], float | int | str):
            items = [f"    {_dumped(item)}" for item in each]
            yield from (f"  {_dumped(name)}: [", ",\n".join(items), f"  ]{comma}")
        else:
            yield line
    yield "}"


def _short(each: object) -> object:
    if isinstance(each, list):
        kept = [_short(item) for item in each[:MOST_ITEMS]]
        return [*kept, f"… {len(each) - MOST_ITEMS} more"] if len(each) > MOST_ITEMS else kept
    if isinstance(each, dict):
        return {key: _short(item) for key, item in each.items()}
    return each


def _dumped(each: object) -> str:
    return json.dumps(each, ensure_ascii=False, default=str)


def fenced(text: str, language: str) -> str:
    """Return a block of code."""
    return f"```{language}\n{text}\n```"
