"""The settings that containers are told: such as their service and role know, with values that these can have."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Annotated

from k8s.configuration_policies import defined_keys, environment_of, mounted_files
from k8s.manifests import Manifests, Node, Workload, service_of
from k8s.needs import DATABASE, KAFKA, OBJECTS, OPERATE, Role, needs, roles_of
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from settings_example import SERVICES, settings_of
from skyulf_service.settings import SharedSettings

# what libraries of ours read: certificates of PostgreSQL and of S3, where traces go
FOREIGN = frozenset({"PGSSLROOTCERT", "SSL_CERT_FILE", "OTEL_EXPORTER_OTLP_ENDPOINT"})
# what the `skyulf` command reads: where the gateway is, and with which key
COMMAND = frozenset({"SKYULF_URL", "SKYULF_API_KEY"})
FILES = ("_FILE", "PGSSLROOTCERT")
AUTHORITY = "SKYULF_TLS_CA_FILE"
Place = tuple[Workload, str, Node]


def settings_are_known(manifests: Manifests) -> Iterator[str]:
    """A misspelt setting is ignored in silence, so each is looked up in the settings classes.

    What one container is told must be a setting of its service and role. A ConfigMap that several services read holds
    the settings of all of them, so each name in it must be one that somebody who reads it knows.
    """
    read: dict[str, set[str]] = {}
    understood: dict[str, set[str]] = {}
    for _, where, container in _ours(manifests):
        service, role = service_of(container), (container.get("args") or [""])[0]
        for each in container.get("env", []):
            is_for_the_command = service == OPERATE and each["name"] in COMMAND
            if not is_for_the_command and not _is_known(each["name"], known_to(service, role)):
                yield f"{where}: {role} of {service} has no setting {each['name']}"
        for source, names in _sources(manifests, container):
            known = {name for name in names if _is_known(name, frozenset(settings_by_name(service)))}
            known |= names & COMMAND if service == OPERATE else set()
            read.setdefault(source, set()).update(names)
            understood.setdefault(source, set()).update(known)
    for source, names in read.items():
        for name in sorted(names - understood[source]):
            yield f"{source}: no service that reads it has a setting {name}"


def settings_are_valid(manifests: Manifests) -> Iterator[str]:
    """A process refuses to start with a value that its setting cannot have."""
    for _, where, container in _ours(manifests):
        fields = settings_by_name(service_of(container))
        for name, value in environment_of(manifests, container).items():
            if name in fields and not _accepts(service_of(container), name, value):
                yield f"{where}: {name} cannot be {value}"


def files_are_mounted(manifests: Manifests) -> Iterator[str]:
    """A setting that names a file names one that the container of the service mounts."""
    for workload, where, container in _ours(manifests):
        present = {path for path, _ in mounted_files(manifests, workload, container)}
        environment = environment_of(manifests, container)
        # the command looks for the authority of an https:// address alone
        unread = {AUTHORITY} if environment.get("SKYULF_URL", "").startswith("http:") else set()
        for name in environment.keys() - unread:
            is_its_own = _is_known(name, frozenset(settings_by_name(service_of(container))))
            if name.endswith(FILES) and is_its_own and (value := environment[name]) not in present:
                yield f"{where}: {name} is {value}, which is not mounted"


@cache
def settings_by_name(service: str) -> dict[str, FieldInfo]:
    """Every name under which a service reads a setting; operations read those of all services."""
    if service == OPERATE:
        return {name: field for each in SERVICES for name, field in settings_by_name(each).items()}
    settings, prefix = settings_of(service), f"SKYULF_{service}_"
    shared, fields = SharedSettings.model_fields, settings.model_fields
    found = {f"SKYULF_{name}": field for name, field in shared.items()}
    found |= {f"SKYULF_{name}": field for name, field in fields.items() if name not in settings.own}
    found |= {f"{prefix}{name}": field for name, field in {**shared, **fields}.items() if name != "shared"}
    return {name.upper(): field for name, field in found.items()}


@cache
def known_to(service: str, role: str) -> frozenset[str]:
    """The settings of a service that mean something to one of its roles; to operations, all do."""
    if service == OPERATE:
        return frozenset(settings_by_name(service))
    spoken_to = needs(Role(service, role)) if role in roles_of(service) else frozenset({DATABASE})
    foreign = {
        *([] if KAFKA in spoken_to else [name for name in SharedSettings.model_fields if name.startswith("kafka_")]),
        *([] if OBJECTS in spoken_to else [name for name in SharedSettings.model_fields if name.startswith("s3_")]),
        *(f"{name}_url" for name in SERVICES if name not in spoken_to),
        *([] if role == "api" else ["port"]),
        *([] if role in ("worker", "runner") else ["health_port"]),
    }
    prefixes = ("SKYULF_", f"SKYULF_{service.upper()}_")
    return frozenset(settings_by_name(service)) - {f"{prefix}{name.upper()}" for prefix in prefixes for name in foreign}


def setting_of(manifests: Manifests, workload: Workload, field: str) -> str | None:
    """The value of a setting in the main container; None where it is a secret or depends on the machine."""
    told = environment_of(manifests, workload.main)
    names = [f"SKYULF_{field}".upper()]
    # there is no such prefix for operations
    names = names if workload.service == OPERATE else [f"SKYULF_{workload.service}_{field}".upper(), *names]
    for name in names:
        if name in told:
            return told[name]
    default = settings_by_name(workload.service)[names[0]].default
    return str(default) if isinstance(default, str | int) else None


def _ours(manifests: Manifests) -> Iterator[Place]:
    for workload in manifests.workloads():
        for where, container in workload.containers():
            if service_of(container) in (*SERVICES, OPERATE):
                yield workload, where, container


def _is_known(name: str, known: frozenset[str]) -> bool:
    return bool({name, name.removesuffix("_FILE")} & (known | FOREIGN))


def _accepts(service: str, name: str, value: str) -> bool:
    field = settings_by_name(service)[name]
    try:
        # lists are JSON in the environment
        TypeAdapter(Annotated[field.annotation, field]).validate_python(
            json.loads(value) if value.startswith(("[", "{")) else value
        )
    except (ValidationError, ValueError):
        return False
    return True


def _sources(manifests: Manifests, container: Node) -> Iterator[tuple[str, set[str]]]:
    """The Secrets and ConfigMaps that become variables as a whole, each with the names of these."""
    defined = defined_keys(manifests)
    for source in container.get("envFrom", []):
        for kind, reference in (("Secret", "secretRef"), ("ConfigMap", "configMapRef")):
            name = source.get(reference, {}).get("name")
            keys = defined.get((kind, name), set())
            yield f"{kind} {name}", {f"{source.get('prefix', '')}{key}" for key in keys}
