"""What every container must keep to."""

import re
from collections.abc import Iterator
from decimal import Decimal
from importlib.metadata import version

from k8s.manifests import Manifests, Workload, name_and_tag, service_of
from k8s.settings_policies import setting_of
from skyulf_service.process import DRAIN_SECONDS, GRACE_SECONDS

# by probe what it asks of ours: a process that waits for its database is not ready, and must not be started anew
PROBES = {"startupProbe": "/livez", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
ACTIONS = ("httpGet", "tcpSocket", "grpc", "exec")
QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti|)")
SLEEP = re.compile(r"sleep\D*(\d+)")
UNITS = {
    "m": Decimal("0.001"),
    "": Decimal(1),
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
# what a parent needs beside its children: libraries, buffers, the next warm child
PARENT_BYTES = 512 * 2**20
# the children of a runner: what each may have, and how many there are
CHILDREN = {
    "ingestion": ("import_memory_bytes", "import_concurrency"),
    "pipeline": ("job_memory_bytes", "job_concurrency"),
}
# nodes have about a hundred GiB for all their pods
LARGEST_VOLUME = 64 * 2**30


def limits(manifests: Manifests) -> Iterator[str]:
    """Every container says what it needs and what it may have, and needs no more than that."""
    for where, container in (each for workload in manifests.workloads() for each in workload.containers()):
        for resource, least in (("cpu", Decimal("0.01")), ("memory", Decimal(2**24))):
            given = {
                part: container.get("resources", {}).get(part, {}).get(resource) for part in ("requests", "limits")
            }
            for part in (part for part, value in given.items() if value is None):
                yield f"{where}: no {part} of {resource}"
            if None in given.values():
                continue
            needed, most = (size(str(value)) for value in given.values())
            if needed is None or most is None or not least <= needed <= most:
                yield f"{where}: {given['requests']} to {given['limits']} of {resource} is nothing to run with"


def probes(manifests: Manifests) -> Iterator[str]:
    """Whatever runs for ever says when it has started, is ready, and is stuck; ours, each at its own address."""
    for workload in manifests.workloads():
        for where, container in workload.lasting():
            for probe, path in PROBES.items():
                asked = container.get(probe, {})
                if not any(asked.get(action) for action in ACTIONS) or asked.get("exec", {}).get("command") == []:
                    yield f"{where}: no {probe}"
                elif service_of(container) and asked.get("httpGet", {}).get("path") != path:
                    yield f"{where}: its {probe} does not ask {path}"


def time_to_end(manifests: Manifests) -> Iterator[str]:
    """What serves or works is left as long to end as it may take: what comes first, draining, and what is in flight."""
    for workload in manifests.ours():
        given = workload.pod.get("terminationGracePeriodSeconds", 30)
        before = sum(map(float, SLEEP.findall(str(workload.main.get("lifecycle", {}).get("preStop")))))
        if not workload.ends and given <= before + DRAIN_SECONDS + GRACE_SECONDS:
            yield f"{workload}: it is killed after {given} s, in the middle of its end"


def pinned_images(manifests: Manifests) -> Iterator[str]:
    """Every image has a tag, and ours the packages' version."""
    for where, container in (each for workload in manifests.workloads() for each in workload.containers()):
        image = str(container["image"])
        _, tag = name_and_tag(image)
        if not tag or tag == "latest":
            yield f"{where}: {image} is not pinned"
        elif service_of(container) and tag != version("skyulf-service"):
            yield f"{where}: {image} is not of this release, {version('skyulf-service')}"


def bounded_volumes(manifests: Manifests) -> Iterator[str]:
    """Every folder that is mounted exists, and none can fill the node."""
    for workload in manifests.workloads():
        volumes = {each["name"]: each for each in workload.pod.get("volumes", [])}
        asked = {each["metadata"]["name"] for each in manifests.kind("PersistentVolumeClaim")}
        for name, volume in volumes.items():
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim is not None and claim not in asked:
                yield f"{workload}: there is no PersistentVolumeClaim {claim}"
            is_empty = "emptyDir" in volume or volume.keys() == {"name"}
            most = size(str(volume.get("emptyDir", {}).get("sizeLimit", "")))
            if is_empty and (most is None or most > LARGEST_VOLUME):
                yield f"{workload}: volume {name} has no limit that a node has room for"
        for where, container in workload.containers():
            for mount in [*container.get("volumeMounts", []), *container.get("volumeDevices", [])]:
                if mount["name"] not in {*volumes, *workload.claims()}:
                    yield f"{where}: there is no volume {mount['name']}"


def children_fit(manifests: Manifests) -> Iterator[str]:
    """Children are ended by their parent, with a reason, before the kernel ends all of them without one."""
    for workload in manifests.ours():
        if workload.main.get("args") != ["runner"] or workload.service not in CHILDREN:
            continue
        memory, number = (_number(manifests, workload, field) for field in CHILDREN[workload.service])
        limit = size(str(workload.main.get("resources", {}).get("limits", {}).get("memory"))) or 0
        if memory is None or number is None:
            yield f"{workload}: nothing says what its children may have, and by default that is what the node has"
        elif memory * number + PARENT_BYTES > limit:
            yield f"{workload}: {number} children of {memory >> 20} MiB and their parent are more than its limit"


def size(text: str) -> Decimal | None:
    """The number that a quantity such as 2Gi or 100m is; None where it is none."""
    found = QUANTITY.fullmatch(text)
    return Decimal(found[1]) * UNITS[found[2]] if found else None


def _number(manifests: Manifests, workload: Workload, field: str) -> int | None:
    found = setting_of(manifests, workload, field)
    return int(found) if found is not None and found.isdecimal() else None
