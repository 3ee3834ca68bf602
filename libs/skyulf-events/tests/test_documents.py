"""The committed contracts say what the code says."""

import json
from pathlib import Path

import pytest
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema
from jsonschema import Draft202012Validator
from skyulf_events import EVENTS, TOPICS, Event

import contracts


def test_the_committed_documents_are_up_to_date_and_break_nobody() -> None:
    assert contracts.main(["--check"]) == 0


def test_an_outdated_document_and_a_lost_schema_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contracts, "CONTRACTS", tmp_path)
    documents = contracts.all_documents()
    contracts.write(documents)
    (tmp_path / "asyncapi.json").write_text("{}")
    (tmp_path / "schemas" / "job.vanished.v1.json").write_text("{}")
    monkeypatch.setattr(contracts, "base_version", lambda path: None)

    assert list(contracts.outdated(documents)) == ["asyncapi.json is out of date: run `make contracts`"]
    assert [problem.split(":")[0] for problem in contracts.broken_promises(documents)] == [
        "schemas/job.vanished.v1.json"
    ]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_a_committed_schema_is_valid_and_names_its_event(event: type[Event]) -> None:
    path = contracts.CONTRACTS / "schemas" / f"{event.type}.v{event.major}.json"
    schema = json.loads(path.read_text())

    Draft202012Validator.check_schema(schema)
    assert schema["title"] == event.__name__
    assert schema["x-skyulf-type"] == event.ce_type()


def test_asyncapi_is_valid_and_names_every_topic_and_event() -> None:
    document = json.loads((contracts.CONTRACTS / "asyncapi.json").read_text())

    ApplicationSchema.model_validate(document)
    assert {channel["address"] for channel in document["channels"].values()} == {topic.name for topic in TOPICS}
    assert {message["name"] for message in document["components"]["messages"].values()} == {
        event.ce_type() for event in EVENTS
    }


def test_every_reference_in_asyncapi_leads_somewhere() -> None:
    document = json.loads((contracts.CONTRACTS / "asyncapi.json").read_text())

    def visit(node: object) -> None:
        for key, value in node.items() if isinstance(node, dict) else ():
            if key == "$ref":
                target = document
                for step in value.removeprefix("#/").split("/"):
                    target = target[step]
            visit(value)
        for item in node if isinstance(node, list) else ():
            visit(item)

    visit(document)
