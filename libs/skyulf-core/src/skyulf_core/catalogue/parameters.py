"""The JSON Schema of a node's configuration as the rows of a table that people read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

Schema = Mapping[str, object]

_TYPES = {"string": "text", "number": "number", "integer": "integer", "boolean": "boolean", "null": "null"}
_BOUNDS = {"minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}"}
_DEEPEST = 3


@dataclass(frozen=True)
class Parameter:
    """One parameter. A name with `.` or `[]` is one inside another: `rules[].column`.

    `default` is JSON, `required` where there is none; `allowed` are choices and bounds, `only_when` the condition on
    another parameter under which this one matters; both may be empty.
    """

    name: str
    type: str
    default: str
    allowed: str
    only_when: str
    help: str

    def to_dict(self) -> dict[str, str]:
        """Return the row as JSON values."""
        return asdict(self)


def parameters_of(json_schema: Schema) -> list[Parameter]:
    """Return one row per parameter, in the order of the schema; parameters of nested objects follow theirs.

    >>> schema = {"properties": {"n": {"type": "integer", "minimum": 1, "default": 3, "description": "How many."}}}
    >>> parameters_of(schema)
    [Parameter(name='n', type='integer', default='3', allowed='≥ 1', only_when='', help='How many.')]
    """
    definitions = _mapping(json_schema.get("$defs"))
    return list(_rows(json_schema, definitions, prefix="", depth=0))


def _rows(schema: Schema, definitions: Schema, *, prefix: str, depth: int) -> Iterator[Parameter]:
    required = _list(schema.get("required"))
    for name, value in _mapping(schema.get("properties")).items():
        field = _resolved(_mapping(value), definitions)
        yield Parameter(
            name=prefix + name,
            type=_type(field, definitions),
            default=_default(field, required=name in required),
            allowed="; ".join(filter(None, [_allowed(field, definitions), *_limits(name, schema, definitions)])),
            only_when=_condition(field),
            help=" ".join(str(field.get("description", "")).split()),
        )
        for suffix, inner in _objects(field, definitions) if depth < _DEEPEST else ():
            yield from _rows(inner, definitions, prefix=f"{prefix}{name}{suffix}.", depth=depth + 1)


def _resolved(field: Schema, definitions: Schema) -> Schema:
    """Return a field with what it refers to; what is said beside the reference goes first."""
    reference = field.get("$ref")
    if not isinstance(reference, str):
        return field
    return {**_mapping(definitions.get(reference.rsplit("/", 1)[1])), **{k: v for k, v in field.items() if k != "$ref"}}


def _alternatives(field: Schema, definitions: Schema) -> list[Schema]:
    found = _list(field.get("anyOf")) or _list(field.get("oneOf"))
    return [_resolved(_mapping(each), definitions) for each in found]


def _type(field: Schema, definitions: Schema) -> str:
    alternatives = _alternatives(field, definitions)
    if alternatives:
        return " or ".join(dict.fromkeys(_type(each, definitions) for each in alternatives))
    kind = field.get("type")
    if isinstance(kind, list):
        return " or ".join(_TYPES.get(str(each), str(each)) for each in kind)
    if kind == "array":
        prefix = _list(field.get("prefixItems"))
        inner = [_type(_resolved(_mapping(each), definitions), definitions) for each in prefix]
        if inner:
            return f"[{', '.join(inner)}]"
        item = _type(_resolved(_mapping(field.get("items")), definitions), definitions)
        return f"list of {item}" if " or " not in item else f"list of ({item})"
    if kind == "object":
        values = _mapping(field.get("additionalProperties"))
        return f"object: name to {_type(_resolved(values, definitions), definitions)}" if values else "object"
    if kind is None and ("enum" in field or "const" in field):
        return " or ".join(dict.fromkeys(_json_type(value) for value in _choices(field)))
    return _TYPES.get(str(kind), "any value")


def _json_type(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "integer" if isinstance(value, int) else "number" if isinstance(value, float) else "text"


def _default(field: Schema, *, required: bool) -> str:
    if "default" in field:
        return _json(field["default"])
    if required:
        return "required"
    return {"object": "{}", "array": "[]"}.get(str(field.get("type")), "")


def _choices(field: Schema) -> list[object]:
    return _list(field.get("enum")) or ([field["const"]] if "const" in field else [])


def _allowed(field: Schema, definitions: Schema) -> str:
    alternatives = _alternatives(field, definitions)
    if alternatives:
        real = [each for each in alternatives if each.get("type") != "null"]
        said = [(each, text) for each in real if (text := _allowed(each, definitions))]
        if len(real) == 1:
            return "".join(text for _, text in said)
        return "; ".join(f"{_type(each, definitions)}: {text}" for each, text in said)
    parts = [", ".join(_json(value) for value in _choices(field))]
    parts += [text.format(_number(field[key])) for key, text in _BOUNDS.items() if key in field]
    parts += [
        _length(field, "Length", "letters"),
        _length(field, "Items", "items"),
        _length(field, "Properties", "names"),
    ]
    if "pattern" in field:
        parts.append(f"pattern {field['pattern']}")
    for key in ("items", "additionalProperties"):
        inner = field.get(key)
        text = _allowed(_resolved(inner, definitions), definitions) if isinstance(inner, Mapping) else ""
        parts.append(f"each {text}" if text else "")
    prefix = [_allowed(_resolved(_mapping(each), definitions), definitions) for each in _list(field.get("prefixItems"))]
    if len(set(prefix)) == 1:
        parts.append(f"each {prefix[0]}" if prefix[0] else "")
    else:
        parts += [f"item {place} {text}" for place, text in enumerate(prefix, start=1) if text]
    return ", ".join(part for part in parts if part)


def _limits(name: str, schema: Schema, definitions: Schema) -> Iterator[str]:
    """Yield what else a field's values must be where others have some value (`if` and `then` in `allOf`)."""
    for rule in map(_mapping, _list(schema.get("allOf"))):
        wanted = _mapping(_mapping(rule.get("if")).get("properties"))
        limits = _mapping(_mapping(_mapping(rule.get("then")).get("properties")).get(name))
        if limits:
            where = " and ".join(_is(other, _choices(_mapping(value))) for other, value in wanted.items())
            kind = _type(limits, definitions) if "type" in limits else ""
            yield f"where {where}: {', '.join(filter(None, [kind, _allowed(limits, definitions)]))}"


def _length(field: Schema, key: str, unit: str) -> str:
    least, most = field.get(f"min{key}"), field.get(f"max{key}")
    if least is None and most is None:
        return ""
    if least == most:
        return f"{least} {unit}"
    if most is None:
        return f"at least {least} {unit if least != 1 else unit.removesuffix('s')}"
    return f"at most {most} {unit}" if least is None else f"{least} to {most} {unit}"


def _number(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else str(value)


def _condition(field: Schema) -> str:
    """Return `x-visible-if` in words: a value, a list of values any of which will do, or what is `not` to be there."""
    said: list[str] = []
    for name, value in _mapping(field.get("x-visible-if")).items():
        unwanted = isinstance(value, Mapping)
        values = value["not"] if isinstance(value, Mapping) else value
        said.append(_is(name, values if isinstance(values, list) else [values], unwanted=unwanted))
    return " and ".join(said)


def _is(name: str, values: Sequence[object], *, unwanted: bool = False) -> str:
    said = (" nor " if unwanted else " or ").join(_json(each) for each in values)
    return f"{name} is not {said}" if unwanted else f"{name} is {said}"


def _objects(field: Schema, definitions: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield what has parameters of its own inside a field, each with what is written behind the field's name."""
    for each in [field, *_alternatives(field, definitions)]:
        if each.get("properties"):
            yield "", each
        for key, suffix in (("items", "[]"), ("additionalProperties", "{}")):
            inner = each.get(key)
            if isinstance(inner, Mapping):
                for behind, found in _objects(_resolved(inner, definitions), definitions):
                    yield suffix + behind, found


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
