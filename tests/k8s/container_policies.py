"""What every container must keep to."""

from collections.abc import Iterator
from importlib.metadata import version

from k8s.manifests import Manifests, Node, Workload

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
# what a parent needs beside its child: libraries, buffers, the next warm child
PARENT_BYTES = 512 * 2**20


def limits(manifests: Manifests) -> Iterator[str]:
    """Every container says what it needs and what it may have."""
    for where, container in _containers(manifests):
        for part in ("requests", "limits"):
            for resource in ("cpu", "memory"):
                if resource not in container.get("resources", {}).get(part, {}):
                    yield f"{where}: no {part} of {resource}"


def probes(manifests: Manifests) -> Iterator[str]:
    """Whatever runs for ever says when it has started, is ready, and is stuck."""
    for workload in manifests.workloads():
        if workload.ends:
            continue
        for probe in PROBES:
            if probe not in workload.main:
                yield f"{workload.kind} {workload.name}: no {probe}"


def read_only_root(manifests: Manifests) -> Iterator[str]:
    """No container writes to its image."""
    for where, container in _containers(manifests):
        if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
            yield f"{where}: its root can be written to"


def no_root(manifests: Manifests) -> Iterator[str]:
    """The restricted Pod Security Standard."""
    for workload in manifests.workloads():
        context = workload.pod.get("securityContext", {})
        if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
            yield f"{workload.kind} {workload.name}: it may run as root"
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{workload.kind} {workload.name}: no seccomp profile"
        if any(workload.pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{workload.kind} {workload.name}: it shares what is the node's"
        for where, container in workload.containers():
            yield from (f"{where}: {fault}" for fault in _more_rights(container.get("securityContext", {})))


def no_token(manifests: Manifests) -> Iterator[str]:
    """No pod can talk to the cluster's API, and Kubernetes gives it no variables that look like settings."""
    accounts = {each["metadata"]["name"]: each for each in manifests.kind("ServiceAccount")}
    for workload in manifests.workloads():
        for switch in ("automountServiceAccountToken", "enableServiceLinks"):
            if workload.pod.get(switch) is not False:
                yield f"{workload.kind} {workload.name}: {switch} is on"
        account = workload.pod.get("serviceAccountName")
        if account is not None and account not in accounts:
            yield f"{workload.kind} {workload.name}: there is no ServiceAccount {account}"
    for name, account in accounts.items():
        if account.get("automountServiceAccountToken") is not False:
            yield f"ServiceAccount {name}: its token is mounted"


def pinned_images(manifests: Manifests) -> Iterator[str]:
    """Every image has a tag, and ours the packages' version."""
    for where, container in _containers(manifests):
        name, _, tag = str(container["image"]).rpartition(":")
        if not name or tag == "latest":
            yield f"{where}: {container['image']} is not pinned"
        elif name.startswith("skyulf/") and tag != version("skyulf-service"):
            yield f"{where}: {container['image']} is not of this release, {version('skyulf-service')}"


def bounded_volumes(manifests: Manifests) -> Iterator[str]:
    """Every folder that is mounted exists, and none can fill the node."""
    for workload in manifests.workloads():
        volumes = {each["name"]: each for each in workload.pod.get("volumes", [])}
        asked = {each["metadata"]["name"] for each in manifests.kind("PersistentVolumeClaim")}
        for name, volume in volumes.items():
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim is not None and claim not in asked:
                yield f"{workload.kind} {workload.name}: there is no PersistentVolumeClaim {claim}"
            if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
                yield f"{workload.kind} {workload.name}: volume {name} has no limit"
        for where, container in workload.containers():
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in {*volumes, *workload.claims()}:
                    yield f"{where}: there is no volume {mount['name']}"


def children_fit(manifests: Manifests) -> Iterator[str]:
    """A child is ended by its parent, with a reason, before the kernel ends both without one."""
    for settings in manifests.kind("ConfigMap"):
        data = settings.get("data", {})
        for runner, setting in (
            ("ingestion-runner", "SKYULF_INGESTION_IMPORT_MEMORY_BYTES"),
            ("pipeline-runner", "SKYULF_PIPELINE_JOB_MEMORY_BYTES"),
        ):
            if setting in data:
                limit = size(
                    manifests.workload(runner).main.get("resources", {}).get("limits", {}).get("memory", "0Gi")
                )
                if int(data[setting]) + PARENT_BYTES > limit:
                    yield f"{runner}: {setting} leaves less than {PARENT_BYTES >> 20} MiB of its {limit >> 20}"


def size(text: str) -> int:
    """Bytes of a quantity such as 2Gi."""
    return int(text[:-2]) * UNITS[text[-2:]]


def _more_rights(context: Node) -> Iterator[str]:
    if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
        yield "it may gain rights"
    if context.get("capabilities", {}).get("drop") != ["ALL"] or context["capabilities"].get("add"):
        yield "it has capabilities"
    if context.get("runAsUser") == 0 or context.get("runAsNonRoot") is False:
        yield "it may run as root"


def _containers(manifests: Manifests) -> Iterator[tuple[str, Node]]:
    workloads: list[Workload] = manifests.workloads()
    for workload in workloads:
        yield from workload.containers()
