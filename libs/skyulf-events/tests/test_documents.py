"""The committed contracts say what the code says."""

import json
from pathlib import Path

import pytest
from event_contracts import schemas
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema
from jsonschema import Draft202012Validator
from skyulf_events import EVENTS, TOPICS, Event

import contracts


def test_the_committed_documents_are_up_to_date_and_break_nobody() -> None:
    files = contracts.event_files()

    assert [*contracts.outdated(files), *contracts.broken_promises(files), *contracts.changed_samples()] == []


def test_an_outdated_document_and_a_lost_schema_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contracts, "ROOT", tmp_path)
    files = {Path("contracts") / name: contracts.render(document) for name, document in schemas().items()}
    contracts.write(files)
    first = next(iter(files))
    (tmp_path / first).write_text((tmp_path / first).read_text().replace("string", "number"))
    (tmp_path / "contracts" / "schemas" / "job.vanished.v1.json").write_text("{}")

    assert list(contracts.outdated(files)) == [f"{first} is out of date: run `make contracts`"]
    promises = list(contracts.broken_promises(files))
    assert any(problem.startswith(f"{first}: ") and "type was 'number'" in problem for problem in promises)
    assert any("job.vanished" in problem and "the type is gone" in problem for problem in promises)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_a_committed_schema_is_valid_and_names_its_event(event: type[Event]) -> None:
    path = contracts.ROOT / "contracts" / "schemas" / f"{event.type}.v{event.major}.json"
    schema = json.loads(path.read_text())

    Draft202012Validator.check_schema(schema)
    assert schema["title"] == event.__name__
    assert schema["x-skyulf-type"] == event.ce_type()


def test_asyncapi_is_valid_and_names_every_topic_and_event() -> None:
    document = json.loads((contracts.ROOT / "contracts" / "asyncapi.json").read_text())

    ApplicationSchema.model_validate(document)
    assert {channel["address"] for channel in document["channels"].values()} == {topic.name for topic in TOPICS}
    assert {message["name"] for message in document["components"]["messages"].values()} == {
        event.ce_type() for event in EVENTS
    }


def test_every_reference_in_asyncapi_leads_somewhere() -> None:
    document = json.loads((contracts.ROOT / "contracts" / "asyncapi.json").read_text())

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
