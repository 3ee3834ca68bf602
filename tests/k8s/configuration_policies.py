"""What processes find: keys of Secrets and ConfigMaps that are there, and their files where they are looked for."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from k8s.manifests import Manifests, Node, Workload

EXPANDED = re.compile(r"\$\(([A-Z0-9_]+)\)")  # what Kubernetes puts a variable named before in the place of


class Reference(NamedTuple):
    """What a pod uses: a Secret or ConfigMap, a key of it where it is one, and whether it starts without."""

    kind: str
    name: str
    key: str | None
    optional: bool


def references_are_defined(manifests: Manifests) -> Iterator[str]:
    """Every Secret, ConfigMap and key that a pod uses is made here, or by what this asks an operator for."""
    defined = defined_keys(manifests)
    used = [(workload.name, each) for workload in manifests.workloads() for each in references(workload)]
    used += [(workload.name, each) for workload in manifests.workloads() for each in _to_pull_with(workload.pod)]
    for document in manifests.kind("ServiceAccount"):
        used += [(document["metadata"]["name"], each) for each in _to_pull_with(document)]
    for document in manifests.kind("TriggerAuthentication"):
        for kind, field in (("Secret", "secretTargetRef"), ("ConfigMap", "configMapTargetRef")):
            for each in document["spec"].get(field, []):
                used.append((document["metadata"]["name"], Reference(kind, each["name"], each["key"], False)))
    for user, (kind, name, key, _) in [(user, each) for user, each in used if not each.optional]:
        if (kind, name) not in defined:
            yield f"{user}: there is no {kind} {name}"
        elif key is not None and key not in defined[kind, name]:
            yield f"{user}: {kind} {name} has no key {key}"
    for workload in manifests.workloads():
        for where, container in workload.containers():
            yield from (f"{where}: {fault}" for fault in _missing_parts(manifests, workload, container))


def environment_of(manifests: Manifests, container: Node) -> dict[str, str]:
    """The variables that a container sees, as far as they are no secrets."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        data = _data(manifests, source.get("configMapRef", {}).get("name"))
        found |= {f"{source.get('prefix', '')}{name}": value for name, value in data.items()}
    for each in container.get("env", []):
        chosen = each.get("valueFrom", {}).get("configMapKeyRef", {})
        value = each.get("value", _data(manifests, chosen.get("name")).get(chosen.get("key")))
        found.pop(each["name"], None)
        if value is not None:
            found[each["name"]] = EXPANDED.sub(lambda named: found.get(named[1], named[0]), value)
    return found


def mounted_files(manifests: Manifests, workload: Workload, container: Node) -> Iterator[tuple[str, str]]:
    """The files of Secrets and ConfigMaps in a container, each with its path in its volume."""
    volumes = {each["name"]: each for each in workload.pod.get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        for path in _paths(manifests, volumes.get(mount["name"], {})):
            if "subPath" not in mount:
                yield f"{mount['mountPath']}/{path}", path
            elif mount["subPath"] == path:
                yield mount["mountPath"], path


def defined_keys(manifests: Manifests) -> dict[tuple[str, str], set[str]]:
    """The keys of every Secret and ConfigMap that is made here."""
    found: dict[tuple[str, str], set[str]] = {}
    for document in manifests.kind("Secret", "ConfigMap"):
        keys = {key for part in ("data", "stringData", "binaryData") for key in document.get(part) or {}}
        found[document["kind"], document["metadata"]["name"]] = keys
    for document in manifests.kind("ExternalSecret"):
        target = document["spec"]["target"]["name"]
        found["Secret", target] = {each["secretKey"] for each in document["spec"]["data"]}
    for document in manifests.kind("Certificate"):
        found["Secret", document["spec"]["secretName"]] = {"tls.crt", "tls.key", "ca.crt"}
    return found


def references(workload: Workload) -> Iterator[Reference]:
    """The Secrets and ConfigMaps that a workload's pods use, with the key where it is one that they use."""
    for _, container in workload.containers():
        for source in container.get("envFrom", []):
            for kind, reference in (("Secret", "secretRef"), ("ConfigMap", "configMapRef")):
                if reference in source:
                    yield _reference(kind, source[reference], None)
        for variable in container.get("env", []):
            for kind, reference in (("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")):
                if reference in variable.get("valueFrom", {}):
                    yield _reference(kind, variable["valueFrom"][reference], variable["valueFrom"][reference]["key"])
    for source in [each for volume in workload.pod.get("volumes", []) for each in _parts(volume)]:
        for kind, found in _of_volume(source):
            yield _reference(kind, found, None)
            yield from (_reference(kind, found, item["key"]) for item in found.get("items", []))


def _missing_parts(manifests: Manifests, workload: Workload, container: Node) -> Iterator[str]:
    volumes = {each["name"]: each for each in workload.pod.get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        paths = set(_paths(manifests, volumes.get(mount["name"], {})))
        if paths and "subPath" in mount and mount["subPath"] not in paths:
            yield f"volume {mount['name']} has no {mount['subPath']}"


def _paths(manifests: Manifests, volume: Node) -> Iterator[str]:
    defined = defined_keys(manifests)
    for source in _parts(volume):
        for kind, found in _of_volume(source):
            keys = defined.get((kind, _name_of(found)), set())
            # of what may be missing, only what is there becomes a file
            items = [each for each in found.get("items", []) if each["key"] in keys or not found.get("optional")]
            yield from [each["path"] for each in items] if "items" in found else sorted(keys)


def _parts(volume: Node) -> list[Node]:
    return [volume, *volume.get("projected", {}).get("sources", [])]


def _of_volume(source: Node) -> Iterator[tuple[str, Node]]:
    for kind, field in (("Secret", "secret"), ("ConfigMap", "configMap")):
        if field in source:
            yield kind, source[field]


def _reference(kind: str, found: Node, key: str | None) -> Reference:
    return Reference(kind, _name_of(found), key, bool(found.get("optional")))


def _name_of(found: Node) -> str:
    return str(found.get("secretName") or found["name"])


def _to_pull_with(owner: Node) -> Iterator[Reference]:
    yield from (_reference("Secret", each, None) for each in owner.get("imagePullSecrets", []))


def _data(manifests: Manifests, name: str | None) -> dict[str, str]:
    found = [each for each in manifests.kind("ConfigMap") if each["metadata"]["name"] == name]
    return found[0].get("data", {}) if found else {}
