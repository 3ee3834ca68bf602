"""Secrets: in files that only their service's pods mount, and nowhere else."""

import re
from collections.abc import Iterator

from k8s.configuration_policies import references
from k8s.manifests import COMPONENT, ENDPOINT, Manifests, service_of
from k8s.needs import OPERATE, services_of
from k8s.settings_policies import COMMAND, settings_by_name
from pydantic import SecretStr
from settings_example import SERVICES

# what kustomize adds to a name for its content
HASH = re.compile(r"-[2456789bcdfghkmt]{10}$")
PUBLIC = "skyulf-public-keys"
NAMES = re.compile(r"PASSWORD|PASSPHRASE|SECRET|TOKEN|ACCESS_KEY|API_KEY|CREDENTIAL")
# in a script: an option whose value is a password
ARGUMENT = re.compile(r"--\S*(?:password|secret)\S*[= ]", re.IGNORECASE)
CONTENTS = re.compile(r"://[^/\s:@]*:[^/\s@]+@|-----BEGIN [A-Z ]*PRIVATE KEY")


def secrets_are_of_the_service(manifests: Manifests) -> Iterator[str]:
    """Pods use the Secrets of their service, operations those of all, and public keys; servers none of Skyulf's."""
    for workload in manifests.workloads():
        services = services_of(workload.service) if workload.service else ()
        is_endpoint = workload.labels.get(COMPONENT) == ENDPOINT
        # an endpoint is called by a name of its own, and shows no certificate of the shared replicas
        certificates = {f"{each}-tls" for each in ([workload.name] if is_endpoint else services)}
        own = {*certificates, *(f"skyulf-{each}" for each in services), *([PUBLIC] if services else [])}
        for kind, name, _, _ in set(references(workload)):
            plain = HASH.sub("", name)
            if kind == "Secret" and plain not in own and (workload.service or plain.startswith("skyulf-")):
                yield f"{workload}: Secret {plain} is not its own"


def secrets_are_files(manifests: Manifests) -> Iterator[str]:
    """Ours read secrets from files: variables are shown by whoever describes a pod, and inherited by children.

    Operations are told by variables what the command reads from no file, and what is a secret in some overlays only.
    """
    for workload in manifests.ours():
        for where, container in workload.containers():
            if any("secretRef" in each for each in container.get("envFrom", [])):
                yield f"{where}: a whole Secret becomes variables"
            for each in container.get("env", []):
                found = each.get("valueFrom", {}).get("secretKeyRef")
                has_no_file = each["name"] in COMMAND or (found or {}).get("optional")
                if found and not (has_no_file and service_of(container) == OPERATE):
                    yield f"{where}: {each['name']} is a secret, and no file"


def secrets_are_for_their_user(manifests: Manifests) -> Iterator[str]:
    """Files of secrets are for the user and the group of the pod; unless told otherwise, they are for everybody."""
    for workload in manifests.workloads():
        for volume in workload.pod.get("volumes", []):
            projected = any("secret" in source for source in volume.get("projected", {}).get("sources", []))
            made = volume.get("secret") or (volume["projected"] if projected else {"defaultMode": 0})
            if made.get("defaultMode", 0o644) & 0o007:
                yield f"{workload}: everybody may read the secrets in volume {volume['name']}"


def nothing_secret_is_in_the_clear(manifests: Manifests) -> Iterator[str]:
    """Neither a ConfigMap nor a manifest holds a secret."""
    for document in manifests.kind("ConfigMap"):
        for name, value in (document.get("data") or {}).items():
            if _is_secret(name, value):
                yield f"ConfigMap {document['metadata']['name']}: {name} is there for everybody to read"
            if ARGUMENT.search(value):
                yield f"ConfigMap {document['metadata']['name']}: {name} shows a secret to all who list processes"
    for workload in manifests.workloads():
        for where, container in workload.containers():
            for each in container.get("env", []):
                if _is_secret(each["name"], str(each.get("value", ""))):
                    yield f"{where}: {each['name']} is there for everybody to read"


def _is_secret(name: str, value: str) -> bool:
    named = not name.endswith("_FILE") and (NAMES.search(name.upper()) or name in _secret_settings())
    return bool(value) and bool(named or CONTENTS.search(value))


def _secret_settings() -> frozenset[str]:
    found = [each for service in SERVICES for each in settings_by_name(service).items()]
    return frozenset(name for name, field in found if field.annotation in (SecretStr, SecretStr | None))
