"""Every sample ever published still parses, and is what its envelope says."""

import json
from pathlib import Path

import pytest
from cloudevents.v1.http import from_json
from jsonschema import Draft202012Validator, FormatChecker
from skyulf_events import EVENTS, EVENTS_BY_TYPE

CONTRACTS = Path(__file__).resolve().parents[3] / "contracts"
SAMPLES = sorted((CONTRACTS / "samples").glob("*/*.json"))
BODY_LIMIT = 64 * 1024


def name(path: Path) -> str:
    """Return the sample's folder and number."""
    return f"{path.parent.name}/{path.stem}"


def load(path: Path) -> dict[str, object]:
    """Read a sample."""
    loaded: dict[str, object] = json.loads(path.read_text())
    return loaded


def test_every_event_has_a_sample_and_samples_are_numbered_without_gaps() -> None:
    numbers: dict[str, list[str]] = {}
    for path in SAMPLES:
        numbers.setdefault(path.parent.name, []).append(path.stem)

    assert set(numbers) >= {event.type for event in EVENTS}
    for found in numbers.values():
        assert found == [f"{number:03}" for number in range(1, len(found) + 1)]


@pytest.mark.parametrize("path", SAMPLES, ids=name)
def test_a_sample_parses_and_says_the_same_again(path: Path) -> None:
    sample = load(path)
    event = EVENTS_BY_TYPE[str(sample["type"])].model_validate(sample["data"])

    written = json.loads(event.model_dump_json())
    assert written == event.model_dump(mode="json")
    assert type(event).model_validate(written) == event
    assert len(event.model_dump_json().encode()) < BODY_LIMIT


@pytest.mark.parametrize("path", SAMPLES, ids=name)
def test_a_sample_s_envelope_agrees_with_its_body(path: Path) -> None:
    sample = load(path)
    event = EVENTS_BY_TYPE[str(sample["type"])].model_validate(sample["data"])

    assert sample["specversion"] == "1.0"
    assert sample["id"] == str(event.event_id)
    assert sample["source"] == event.source
    assert sample["subject"] == sample["partitionkey"] == event.subject
    assert sample["time"] == event.ce_time()
    assert str(sample["dataschema"]).split("?")[0] == event.data_schema().split("?")[0]


@pytest.mark.parametrize("path", SAMPLES, ids=name)
def test_a_sample_is_valid_against_the_committed_schema(path: Path) -> None:
    sample = load(path)
    schema = json.loads((CONTRACTS.parent / str(sample["dataschema"]).split("?")[0].lstrip("/")).read_text())

    Draft202012Validator(schema, format_checker=FormatChecker()).validate(sample["data"])


@pytest.mark.parametrize("path", SAMPLES, ids=name)
def test_a_sample_is_a_cloud_event_to_somebody_else_s_parser(path: Path) -> None:
    parsed = from_json(path.read_bytes())

    assert parsed["type"] in EVENTS_BY_TYPE
    assert parsed.data == load(path)["data"]
