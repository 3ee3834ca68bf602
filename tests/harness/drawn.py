"""What a machine draws its requests from besides anything at all: things that there are, and forged ones."""

import json
from collections.abc import Mapping, Sequence

from harness import configs, cursors
from harness.api import PREFIX, Api
from harness.form import Skyulf
from harness.owned import one_of_everything

OFTEN = 0.7  # so often a parameter names something that there is
HALF = 0.5  # so often a cursor, or a time, is a forged one
Values = Mapping[str, str]


def configuration(skyulf: Skyulf, owner: Api) -> str:
    """Make one of everything, and a few more to be deleted; returns a ``schemathesis.toml`` that names them."""
    ids = {f"path.{name}": value for name, value in one_of_everything(skyulf, owner).ids.items()}
    ids |= {"path.name": "mine", "path.version": "1", "path.alias": "champion", "path.service": "registry"}
    ids |= {"body.dataset_id": ids["path.dataset_id"], "query.pipeline_id": ids["path.pipeline_id"]}
    assert owner.deploy("spare", "mine", 1)["status"] == "ready"
    spare = {
        "path.dataset_id": owner.ready_dataset(configs.tiny_data(70))["id"],
        "path.pipeline_id": owner.ok("POST", "/pipelines", json={"name": "spare", "config": configs.tiny()})["id"],
        "path.key_id": owner.ok("POST", "/api-keys", json={"name": "spare", "scopes": ["viewer"]})["id"],
        "path.name": "spare",
    }
    nodes = {"path.name": "TrainTestSplit"}
    parts = [
        _values("known", ids), _values("spare", spare), _values("node", nodes), _texts("ends", cursors.ENDS),
        "[parameters]", _drawn("known", ids), _bound("body.expires_at", "ends", HALF),
        "[[operations]]", 'include-method = "DELETE"', "[operations.parameters]", _drawn("spare", spare),
        "[[operations]]", 'include-path = "/api/v1/nodes/{name}"', "[operations.parameters]", _drawn("node", nodes),
        *(_forged_cursors(path) for path in cursors.SHAPES),
    ]  # fmt: skip
    return "\n".join(parts)


def _values(kind: str, values: Values) -> str:
    shown = {name: value if value.isdigit() else f'"{value}"' for name, value in values.items()}
    return "\n".join(f"[dictionaries.{_name(kind, name)}]\nvalues = [{value}]" for name, value in shown.items())


def _drawn(kind: str, values: Values) -> str:
    return "\n".join(_bound(name, _name(kind, name), OFTEN) for name in values)


def _forged_cursors(path: str) -> str:
    name = f"cursors-{cursors.SHAPES[path][0]}"
    lines = [_texts(name, [cursors.usual(path), *cursors.forged(path)]), "[[operations]]"]
    lines += [f'include-path = "{PREFIX}{path}"', "[operations.parameters]", _bound("query.cursor", name, HALF)]
    return "\n".join(lines)


def _texts(name: str, values: Sequence[str]) -> str:
    return f"[dictionaries.{name}]\nvalues = {json.dumps(list(values))}"


def _bound(parameter: str, dictionary: str, probability: float) -> str:
    return f'"{parameter}" = {{ dictionary = "{dictionary}", probability = {probability} }}'


def _name(kind: str, parameter: str) -> str:
    return f"{kind}-{parameter.replace('.', '-')}"
