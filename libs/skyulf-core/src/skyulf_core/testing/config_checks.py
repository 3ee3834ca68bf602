"""What a configuration promises."""

from __future__ import annotations

import json

from pydantic import ValidationError

from skyulf_core.testing.compare import CheckError, require
from skyulf_core.testing.node_checks import Case


def config_round_trips(case: Case) -> None:
    """A configuration comes back from JSON as it was."""
    text = case.config.model_dump_json()
    again = case.entry.config_model.model_validate_json(text)
    require(again == case.config, f"{again!r} instead of {case.config!r}")
    require(json.loads(text) == case.config.model_dump(mode="json"), "JSON differs from the dump")


def config_explains_itself(case: Case) -> None:
    """Every field of the JSON Schema has a title and a description, and unknown keys are refused."""
    schema = case.entry.info().json_schema
    properties = schema.get("properties", {})
    require(schema.get("additionalProperties") is False, "unknown keys are not refused in the JSON Schema")
    require(isinstance(properties, dict), "no properties")
    for name, field in properties.items() if isinstance(properties, dict) else ():
        require(
            bool(field.get("title")) and bool(field.get("description")), f"field {name!r} has no title or description"
        )
    try:
        case.entry.config_model.model_validate({**case.raw, "no_such_key": 1})
    except ValidationError:
        return
    raise CheckError("an unknown key is accepted")


def node_explains_itself(case: Case) -> None:
    """The catalogue entry has a family, a summary and keywords."""
    info = case.entry.info()
    require(bool(info.family and info.summary and info.keywords), "family, summary or keywords are missing")


CONFIG_CHECKS = (config_round_trips, config_explains_itself, node_explains_itself)
