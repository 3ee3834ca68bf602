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


@dataclass(frozen=True)
class Workload:
    """What makes pods: a Deployment, StatefulSet, Job or CronJob."""

    document: Node

    @property
    def kind(self) -> str:
        return str(self.document["kind"])

    @property
    def name(self) -> str:
        return str(self.document["metadata"]["name"])

    @property
    def service(self) -> str:
        """The service whose image it runs, where it is one of ours."""
        return str(self.main["image"]).partition("/")[2].partition(":")[0]

    @property
    def template(self) -> Node:
        spec = self.document["spec"]
        found: Node = (spec["jobTemplate"]["spec"] if self.kind == "CronJob" else spec)["template"]
        return found

    @property
    def ends(self) -> bool:
        """Whether its pods do something and end."""
        return self.kind in ("Job", "CronJob")

    @property
    def pod(self) -> Node:
        return self.template["spec"]

    @property
    def labels(self) -> dict[str, str]:
        return self.template["metadata"]["labels"]

    @property
    def main(self) -> Node:
        """The container that does the work."""
        return self.pod["containers"][0]

    def containers(self) -> Iterator[tuple[str, Node]]:
        """All containers, those that come first too, each with where it is."""
        for container in [*self.pod.get("initContainers", []), *self.pod["containers"]]:
            yield f"{self.kind} {self.name}, container {container['name']}", container

    def ports(self) -> set[str | int]:
        """What its containers listen on, by name and by number."""
        listed = [port for container in self.pod["containers"] for port in container.get("ports", [])]
        return {value for port in listed for value in (port["name"], port["containerPort"])}

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
        return [Workload(document) for document in self.kind("Deployment", "StatefulSet", "Job", "CronJob")]

    def workload(self, name: str) -> Workload:
        return next(each for each in self.workloads() if each.name == name)

    def ours(self) -> list[Workload]:
        """The workloads that run our images."""
        return [each for each in self.workloads() if str(each.main["image"]).startswith("skyulf/")]


def chosen(selector: Node, labels: dict[str, str]) -> bool:
    """Whether a selector (empty: everything) chooses these labels."""
    wanted = all(labels.get(rule["key"]) in rule["values"] for rule in selector.get("matchExpressions", []))
    return wanted and selector.get("matchLabels", {}).items() <= labels.items()


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
