"""What the services announced about a project, read from Kafka's topics."""

import json

from harness.form import Announced
from harness.topics import published


def announced(bootstrap: str, project_id: str) -> list[Announced]:
    """Every event about the project, those of an aggregate in their order."""
    found = []
    for record in published(bootstrap):
        if project_id.encode() not in record.value:  # nor may it be JSON
            continue
        body, source, subject = json.loads(record.value), record.headers["ce_source"], record.headers["ce_subject"]
        if body["project_id"] == project_id:
            found.append(Announced(record.id, source.decode(), subject.decode(), body["aggregate_version"], record))
    return found
