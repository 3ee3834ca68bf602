"""What processes are told: settings that they know, and keys of Secrets and ConfigMaps that are there."""

import re
from collections.abc import Iterator
from functools import cache

from k8s.manifests import Manifests, Node, Workload
from settings_example import SERVICES, settings_of
from skyulf_service.settings import SharedSettings

# what libraries of ours read: certificates of PostgreSQL and of S3, where traces go
FOREIGN = frozenset({"PGSSLROOTCERT", "SSL_CERT_FILE", "OTEL_EXPORTER_OTLP_ENDPOINT"})
# what the `skyulf` command reads: where the gateway is, and with which key
COMMAND = frozenset({"SKYULF_URL", "SKYULF_API_KEY"})
FILES = ("_FILE", "PGSSLROOTCERT")
EXPANDED = re.compile(r"\$\(([A-Z0-9_]+)\)")  # what Kubernetes puts a variable named before in the place of
Reference = tuple[str, str, str | None]


def settings_are_known(manifests: Manifests) -> Iterator[str]:
    """A misspelt setting is ignored in silence, so each is looked up in the settings classes."""
    for workload in manifests.ours():
        known = known_settings() | FOREIGN | (frozenset() if workload.service in SERVICES else COMMAND)
        for name in sorted(environment_of(manifests, workload.main)):
            if not {name, name.removesuffix("_FILE")} & known:
                yield f"{workload.kind} {workload.name}: no service has a setting {name}"


def references_are_defined(manifests: Manifests) -> Iterator[str]:
    """Every Secret, ConfigMap and key that a pod uses is made here, or by what this asks an operator for."""
    defined = defined_keys(manifests)
    used = [(workload.name, each) for workload in manifests.workloads() for each in _references(workload)]
    for document in manifests.kind("TriggerAuthentication"):
        for kind, field in (("Secret", "secretTargetRef"), ("ConfigMap", "configMapTargetRef")):
            for each in document["spec"].get(field, []):
                used.append((document["metadata"]["name"], (kind, each["name"], each["key"])))
    for user, (kind, name, key) in used:
        if (kind, name) not in defined:
            yield f"{user}: there is no {kind} {name}"
        elif key is not None and key not in defined[kind, name]:
            yield f"{user}: {kind} {name} has no key {key}"


def files_are_mounted(manifests: Manifests) -> Iterator[str]:
    """A setting that names a file of secrets names one that the service's pod mounts."""
    for workload in manifests.ours():
        mounted = set(mounted_files(workload))
        # an image of one service reads its own; operations read those of all
        own = [workload.service] if workload.service in SERVICES else SERVICES
        others = tuple(f"SKYULF_{each.upper()}_" for each in SERVICES if each not in own)
        for name, value in environment_of(manifests, workload.main).items():
            is_file = name.endswith(FILES) and value.startswith("/run/") and not name.startswith(others)
            if is_file and value not in mounted:
                yield f"{workload.kind} {workload.name}: {name} is {value}, which is not mounted"


@cache
def known_settings() -> frozenset[str]:
    """Every name under which a setting is read."""
    shared = set(SharedSettings.model_fields)
    names = {f"SKYULF_{name}" for name in shared}
    for service in SERVICES:
        settings = settings_of(service)
        names |= {f"SKYULF_{service}_{name}" for name in shared | set(settings.model_fields)}
        names |= {f"SKYULF_{name}" for name in set(settings.model_fields) - settings.own}
    return frozenset(name.upper() for name in names)


def environment_of(manifests: Manifests, container: Node) -> dict[str, str]:
    """The variables that a container sees, as far as they are no secrets."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        found |= manifests.one("ConfigMap", source["configMapRef"]["name"])["data"]
    for each in container.get("env", []):
        if "value" in each:
            found[each["name"]] = EXPANDED.sub(lambda named: found.get(named[1], named[0]), each["value"])
    return found


def mounted_files(workload: Workload) -> Iterator[str]:
    """The files of Secrets and ConfigMaps in the main container."""
    volumes = {each["name"]: each for each in workload.pod.get("volumes", [])}
    for mount in workload.main.get("volumeMounts", []):
        volume = volumes.get(mount["name"], {})
        for source in [volume, *volume.get("projected", {}).get("sources", [])]:
            for kind in ("secret", "configMap"):
                for item in source.get(kind, {}).get("items", []):
                    yield f"{mount['mountPath']}/{item['path']}"


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


def _references(workload: Workload) -> Iterator[Reference]:
    for _, container in workload.containers():
        for source in container.get("envFrom", []):
            for kind, reference in (("Secret", "secretRef"), ("ConfigMap", "configMapRef")):
                if reference in source:
                    yield kind, source[reference]["name"], None
        for variable in container.get("env", []):
            for kind, reference in (("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")):
                if reference in variable.get("valueFrom", {}):
                    found = variable["valueFrom"][reference]
                    yield from () if found.get("optional") else ((kind, found["name"], found["key"]),)
    for volume in workload.pod.get("volumes", []):
        yield from _of_volume(volume)
        for source in volume.get("projected", {}).get("sources", []):
            yield from _of_volume(source)


def _of_volume(source: Node) -> Iterator[Reference]:
    for kind, field in (("Secret", "secret"), ("ConfigMap", "configMap")):
        if field in source and not source[field].get("optional"):
            name = source[field].get("secretName") or source[field]["name"]
            yield kind, name, None
            for item in source[field].get("items", []):
                yield kind, name, item["key"]
