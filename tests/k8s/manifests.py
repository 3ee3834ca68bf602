"""What kustomize builds, as tests look at it."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from skyulf_service.testing import toolchain

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy" / "k8s"
Node = dict[str, Any]


# whatever makes pods: a kind that is not looked at is one that need not keep to anything
MAKERS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob", "Pod")
ENDING = ("Job", "CronJob")
# what kind of process it is, by its label; endpoints are rendered for a deployment each
COMPONENT, ENDPOINT = "app.kubernetes.io/component", "endpoint"


@dataclass(frozen=True)
class Workload:
    """What makes pods, or is one."""

    document: Node

    @property
    def kind(self) -> str:
        return str(self.document["kind"])

    @property
    def name(self) -> str:
        return str(self.document["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return namespace_of(self.document)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def service(self) -> str:
        """The service whose image it runs, where it is one of ours."""
        return service_of(self.main)

    @property
    def ends(self) -> bool:
        """Whether its pods do something and end."""
        return self.kind in ENDING

    @property
    def template(self) -> Node:
        if self.kind == "Pod":
            return self.document
        spec: Node = self.document["spec"]
        return spec["jobTemplate"]["spec"]["template"] if self.kind == "CronJob" else spec["template"]

    @property
    def pod(self) -> Node:
        return self.template["spec"]

    @property
    def labels(self) -> dict[str, str]:
        return self.template.get("metadata", {}).get("labels", {})

    @property
    def main(self) -> Node:
        """The container that does the work."""
        return self.pod["containers"][0]

    def containers(self) -> Iterator[tuple[str, Node]]:
        """All containers, those that come first too, each with where it is."""
        for part in ("initContainers", "containers", "ephemeralContainers"):
            for container in self.pod.get(part, []):
                yield f"{self}, container {container['name']}", container

    def lasting(self) -> Iterator[tuple[str, Node]]:
        """The containers that run for ever; one that comes first is such, if it is started anew."""
        first = {each["name"] for each in self.pod.get("initContainers", []) if each.get("restartPolicy") != "Always"}
        if not self.ends:
            yield from ((where, each) for where, each in self.containers() if each["name"] not in first)

    def ports(self, protocol: str = "TCP") -> set[str | int]:
        """What its containers listen on, by name and by number."""
        return {port for container in self.pod["containers"] for port in ports_of(container, protocol)}

    def claims(self) -> list[str]:
        return [claim["metadata"]["name"] for claim in self.document["spec"].get("volumeClaimTemplates", [])]


class Manifests:
    """The documents of one build."""

    def __init__(self, documents: Sequence[Node]) -> None:
        self.documents = list(documents)

    def copy(self) -> "Manifests":
        return Manifests(deepcopy(self.documents))

    def kind(self, *kinds: str) -> list[Node]:
        return [document for document in self.documents if document["kind"] in kinds]

    def one(self, kind: str, name: str) -> Node:
        """The document of this kind whose name is this, up to the hash of its content."""
        found = [
            each
            for each in self.kind(kind)
            if each["metadata"]["name"] == name or each["metadata"]["name"].rpartition("-")[0] == name
        ]
        assert len(found) == 1, f"{len(found)} of {kind} {name}"
        return found[0]

    def workloads(self) -> list[Workload]:
        return [Workload(document) for document in self.kind(*MAKERS)]

    def workload(self, name: str) -> Workload:
        return next(each for each in self.workloads() if each.name == name)

    def ours(self) -> list[Workload]:
        """The workloads that run our images."""
        return [each for each in self.workloads() if each.service]

    def selected(self, document: Node, selector: Node) -> list[Workload]:
        """The workloads in a document's namespace whose pods a selector chooses."""
        here = [each for each in self.workloads() if each.namespace == namespace_of(document)]
        return [each for each in here if chosen(selector, each.labels)]

    def behind(self, service: Node) -> list[Workload]:
        """The workloads whose pods a Service sends to; none where it selects nothing."""
        return self.selected(service, {"matchLabels": service["spec"].get("selector") or {"": ""}})


def namespace_of(document: Node) -> str:
    return str(document["metadata"].get("namespace", "default"))


def name_and_tag(image: str) -> tuple[str, str]:
    """The parts of an image's name. A colon before the last slash is that of a registry's port."""
    name, _, digest = image.partition("@")
    folder, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    return folder + slash + last, digest or tag


def service_of(container: Node) -> str:
    """The service whose image a container runs, from whatever registry; empty where it is none of ours."""
    *folders, name = name_and_tag(str(container["image"]))[0].split("/")
    return name if folders[-1:] == ["skyulf"] else ""


def ports_of(container: Node, protocol: str = "TCP") -> set[str | int]:
    """What a container listens on, by name and by number."""
    listed = [each for each in container.get("ports", []) if each.get("protocol", "TCP") == protocol]
    return {each[key] for each in listed for key in ("name", "containerPort") if key in each}


def chosen(selector: Node, labels: dict[str, str]) -> bool:
    """Whether a selector (empty: everything) chooses these labels."""
    wanted = all(_holds(rule, labels) for rule in selector.get("matchExpressions", []))
    return wanted and selector.get("matchLabels", {}).items() <= labels.items()


def _holds(rule: Node, labels: dict[str, str]) -> bool:
    key = rule["key"]
    answers = {
        "In": labels.get(key) in rule.get("values", []),
        "NotIn": labels.get(key) not in rule.get("values", []),
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }
    return answers[rule["operator"]]


def prepared(folder: Path) -> Path:
    """Copy the manifests into a folder, with secrets as a person makes them; returns the copy."""
    copy = folder / "k8s"
    shutil.copytree(DEPLOY, copy, ignore=shutil.ignore_patterns("secrets"))
    for place, told in SECRETS.items():
        command = [str(copy / "secrets.sh"), str(copy / place)]
        subprocess.run(command, env={**os.environ, **told}, check=True, capture_output=True, timeout=60)
    certificates = copy / "components/certificates-from-files/secrets"
    subprocess.run([str(copy / "certificates.sh"), str(certificates)], check=True, capture_output=True, timeout=60)
    return copy


# where files of secrets lie, and what the guide says to make them with
SECRETS: Mapping[str, Mapping[str, str]] = {
    "overlays/local/secrets": {},
    "components/secrets-from-files/secrets": {
        "DATABASE_HOST": "postgres.example.com:5432",
        "DATABASE_OPTIONS": "?ssl=verify-full",
    },
}


def add_resource(folder: Path, name: str, text: str) -> None:
    """Write a file into a kustomization's folder and list it among its resources, as people do."""
    (folder / name).write_text(text)
    chosen = yaml.safe_load((folder / "kustomization.yaml").read_text())
    chosen["resources"].append(name)
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(chosen))


def add_setting(folder: Path, rendered: str) -> None:
    """Add the literal that a rendered file shows at its head to a kustomization's settings, as people do."""
    (line,) = re.findall(r"^#   (- .*)$", rendered, re.MULTILINE)
    chosen = yaml.safe_load((folder / "kustomization.yaml").read_text())
    (settings,) = [each for each in chosen["configMapGenerator"] if each["name"] == "skyulf-settings"]
    settings["literals"] += yaml.safe_load(line)
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(chosen))


def built(folder: Path) -> Manifests:
    """Build one kustomization. Raises AssertionError with what kustomize says."""
    command = [str(toolchain.kustomize()), "build", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster where it is built in
    return Manifests([document for document in yaml.load_all(done.stdout, loader) if document])
