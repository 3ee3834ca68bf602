"""The guard of the event contracts: what it lets pass, and what it refuses."""

from copy import deepcopy
from typing import Any

import pytest
from compatibility import breaks
from event_contracts import schema_of
from skyulf_events import EVENTS, Event, JobCompleted

OLD: dict[str, Any] = {
    "x-skyulf-minor": 0,
    "$defs": {
        "Ref": {"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]},
        "Pin": {"type": "object", "properties": {"version": {"type": "integer"}}},
    },
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "status": {"enum": ["succeeded", "failed"], "type": "string"},
        "ref": {"$ref": "#/$defs/Ref"},
        "refs": {"type": "array", "items": {"$ref": "#/$defs/Ref"}},
        "error": {"anyOf": [{"$ref": "#/$defs/Pin"}, {"type": "null"}]},
        "note": {"type": "string", "description": "Free text"},
    },
    "required": ["id", "status"],
}


def changed(*path: str, to: object = None) -> dict[str, Any]:
    """Return the schema, one minor later, with the value at the path replaced, or removed for None."""
    schema = deepcopy(OLD) | {"x-skyulf-minor": 1}
    node = schema
    for key in path[:-1]:
        node = node[key]
    if to is None:
        del node[path[-1]]
    else:
        node[path[-1]] = to
    return schema


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (changed("properties", "note"), ".note: was removed"),
        (changed("required", to=["id", "status", "note"]), ".note: became required"),
        (changed("required", to=["id"]), ".status: is no longer always there"),
        (changed("properties", "id", "format"), ".id: format was 'uuid' and is None"),
        (changed("properties", "note", "type", to="integer"), ".note: type was 'string' and is 'integer'"),
        (changed("properties", "status", "enum", to=["succeeded"]), ".status: no longer allows ['failed']"),
        (changed("$defs", "Ref", "required", to=[]), ".ref.key: is no longer always there"),
        (changed("$defs", "Ref", "properties", "key", "type", to="integer"), ".refs[].key: type was 'string' and is"),
        (changed("$defs", "Pin", "properties", "version", "type", to="string"), ".error.version: type was 'integer'"),
        (changed("properties", "error", "anyOf", to=[{"type": "null"}]), ".error: had 2 alternatives and has 1"),
    ],
)
def test_a_change_that_breaks_a_reader_is_refused(new: dict[str, Any], reason: str) -> None:
    assert any(found.startswith(reason) for found in breaks(OLD, new)), breaks(OLD, new)


def test_a_new_optional_field_needs_a_raised_minor_and_nothing_else() -> None:
    new = changed("properties", "extra", to={"type": "string"})

    assert breaks(OLD, new) == []
    assert breaks(OLD, new | {"x-skyulf-minor": 0}) == ["the schema changed: raise the event's minor above 0"]


def test_prose_may_change_at_any_time() -> None:
    new = changed("properties", "note", "description", to="Text for people") | {"x-skyulf-minor": 0}

    assert breaks(OLD, new) == []


def test_a_field_called_title_is_not_prose() -> None:
    with_title = changed("properties", "title", to={"type": "string"})

    assert breaks(with_title, OLD | {"x-skyulf-minor": 2}) == [".title: was removed"]
    assert breaks(OLD, with_title | {"x-skyulf-minor": 0}) != []


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_every_schema_may_replace_itself(event: type[Event]) -> None:
    assert breaks(schema_of(event), schema_of(event)) == []


def test_a_real_field_that_disappears_is_noticed() -> None:
    new = schema_of(JobCompleted)
    assert isinstance(new["properties"], dict)
    del new["properties"]["metrics"]

    assert breaks(schema_of(JobCompleted), new) == [".metrics: was removed"]
