"""Manifests against the schemas of Kubernetes, and those of operators against small ones of ours."""

import json
import re
from functools import cache
from pathlib import Path

import jsonschema
import kubernetes_validate
from k8s.manifests import Manifests, Node
from kubernetes_validate.utils import all_versions

SCHEMAS = Path(__file__).with_name("schemas")
HASH = re.compile(r"-[0-9a-z]{10}(?=\")")
# by kind, and never for an unknown one: that is a misspelt one
OPERATORS = {path.stem for path in SCHEMAS.glob("*.json")}


def versions() -> tuple[str, str]:
    """The oldest and the newest Kubernetes that can be checked."""
    known = all_versions()
    return known[0], known[-1]


def faults(manifests: Manifests) -> list[str]:
    """What does not follow its schema, or has none."""
    texts = [HASH.sub("", json.dumps(document, sort_keys=True)) for document in manifests.documents]
    return [found for text in texts for found in _of(text)]


@cache  # most documents are the same in every overlay, but for hashes of what they refer to
def _of(text: str) -> list[str]:
    document: Node = json.loads(text)
    name = f"{document['kind']} {document['metadata']['name']}"
    if document["kind"] in OPERATORS:
        schema = json.loads((SCHEMAS / f"{document['kind']}.json").read_text())
        return [f"{name}: {error.json_path} {error.message}" for error in validator(schema).iter_errors(document)]
    found = []
    for version in versions():
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            found.append(f"{name}, Kubernetes {version}: {error.message}")
    return found


def validator(schema: Node) -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)
